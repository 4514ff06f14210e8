"use strict";

/** The controls of a viewer, and what it says of the place that is shown. */
class A2IPanel {
  static count = 0;

  constructor(viewer) {
    this.viewer = viewer;
    this.told = viewer.told;
    this.name = `a2i-${A2IPanel.count++}`;
    const set = (changes) => viewer.set(changes);
    const names = this.told.sources.map(({ name, about }) => (about ? `${name} · ${about}` : name));
    this.first = this._select("Left", names, (n) => set({ first: n }));
    this.second = this._select("Right", names, (n) => set({ second: n }));
    this.swap = this._button("Swap", () => viewer.swap(), "Swap the two");
    this.families = this._choice("Plane", ["xy", "xz", "yz"].map((one) => [one, one]), (family) => set({ family }));
    this.modes = this._choice("View", A2IViewer.MODES, (mode) => set({ mode }));
    this.slice = this._range("Slice", { step: 1 }, (at) => viewer.slice(at));
    const map = viewer.maps === "error" ? "Error map (minus reference)" : "Disagreement of plane families";
    this.map = this._check(map, (on) => set({ map: on }));
    this.map.label.hidden = !viewer.maps;
    this.play = this._button("", () => set({ playing: !viewer.state.playing }));
    this.rate = this._range("Swaps a second", { min: 0.5, max: 3, step: 0.5 }, (rate) => set({ rate }));
    const levels = { min: 0, max: 255, step: 1 };
    this.black = this._range("Black", levels, (at) => this._levels(Math.min(at, viewer.planes.white - 1), null));
    this.white = this._range("White", levels, (at) => this._levels(null, Math.max(at, viewer.planes.black + 1)));
    const zoom = this._make("span", "a2i-group");
    zoom.append(
      this._button("−", () => viewer.zoom(1 / 1.5), "Zoom out"),
      this._button("+", () => viewer.zoom(1.5), "Zoom in"),
      this._button("Fit", () => (viewer.stage.reset(), set({})), "Fit all of the plane"),
    );
    this.divide = this._divide();
    viewer.stage.element.append(this.divide);
    this.element = this._make("div", "a2i-panel");
    this.element.append(
      this._row(this.first.label, this.second.label, this.swap),
      this._row(this.modes.set, this.families.set, zoom, this.map.label),
      viewer.stage.element,
      this._foot(),
      this._row(this.slice.label, this.play, this.rate.label),
      this._more(),
    );
  }

  _levels(black, white) {
    const { planes } = this.viewer;
    planes.show(black ?? planes.black, white ?? planes.white);
    this.viewer.set({});
  }

  _foot() {
    const foot = this._make("div", "a2i-foot");
    this.bar = this._make("span", "a2i-bar");
    this.length = this._make("span");
    this.where = this._make("span", "a2i-where");
    this.where.setAttribute("role", "status");
    this.under = this._make("span", "a2i-under");
    this.under.setAttribute("aria-hidden", "true");
    this.scale = this._make("span", "a2i-scale");
    const bar = this._make("span", "a2i-barred");
    bar.append(this.bar, this.length);
    foot.append(bar, this.where, this.under, this.scale);
    return foot;
  }

  _more() {
    const more = this._make("details", "a2i-more");
    more.append(this._make("summary", "", "Grey levels and keys"));
    const reset = this._button("Reset", () => this._levels(...this.told.show), "Reset grey levels");
    const keys = this._make("dl", "a2i-keys");
    for (const [key, does] of A2IViewer.KEYS) {
      const pair = this._make("div");
      pair.append(this._make("dt", "", key), this._make("dd", "", does));
      keys.append(pair);
    }
    const hint = "Keys work while the image or one of its controls has the focus. Drag to move, " +
      "pinch or Ctrl and wheel to zoom; the wheel goes through slices once the image has the focus.";
    more.append(this._row(this.black.label, this.white.label, reset), keys, this._make("p", "a2i-note", hint));
    return more;
  }

  _divide() {
    const handle = this._make("div", "a2i-divide");
    handle.tabIndex = 0;
    const told = {
      role: "slider", "aria-label": "Divide between the two", "aria-orientation": "horizontal",
      "aria-valuemin": 0, "aria-valuemax": 100,
    };
    for (const [name, value] of Object.entries(told)) handle.setAttribute(name, value);
    handle.append(this._make("span", "a2i-knob"));
    return handle;
  }

  /** Show the state in all controls. */
  show() {
    const { state, stage, planes, along } = this.viewer;
    const blinks = state.mode === "blink";
    this.first.select.value = state.first;
    this.second.select.value = state.second;
    for (const one of [this.first.label, this.second.label, this.swap]) one.hidden = state.mode === "all";
    this.families.choose(state.family);
    this.modes.choose(state.mode);
    this.map.check.checked = state.map;
    const [start, stop] = this.told.stack[along];
    const at = state.at[along];
    this.slice.show(at, `${"zyx"[along]} ${at} (${start} to ${stop - 1})`, { min: start, max: stop - 1 });
    this.slice.label.hidden = stop - start < 2;
    this.play.hidden = this.rate.label.hidden = !blinks;
    this.play.textContent = state.playing ? "Stop blinking" : "Blink by itself";
    this.rate.show(state.rate, `${state.rate}`);
    const level = (value) => A2IPanel.digits(this.told.low + value * this.told.step);
    this.black.show(planes.black, level(planes.black));
    this.white.show(planes.white, level(planes.white));
    stage.element.dataset.moves = stage.zoom > 1;
    stage.element.setAttribute("aria-label", `Planes of ${this.told.dataset}; keys are listed below`);
  }

  /** Show what depends on how it was drawn. */
  drawn() {
    const { state, stage, along } = this.viewer;
    const pane = stage.panes[0];
    const slides = state.mode === "slider";
    this.divide.hidden = !slides;
    this.divide.style.left = `${pane.left + pane.width * state.divide}px`;
    this.divide.style.top = `${pane.top}px`;
    this.divide.style.height = `${pane.height + A2IStage.KNOB}px`;
    const share = Math.round(100 * state.divide);
    this.divide.setAttribute("aria-valuenow", share);
    const [left, right] = [state.first, state.second].map((one) => this.told.sources[one].name);
    this.divide.setAttribute("aria-valuetext", `${share} % ${left}, ${100 - share} % ${right}`);
    const nm = A2IPanel.round((0.25 * pane.width * this.told.spacing) / stage.scale);
    this.bar.style.width = `${(nm / this.told.spacing) * stage.scale}px`;
    this.length.textContent = A2IPanel.length(nm);
    const at = state.at[along];
    const where = `${state.family} plane at ${"zyx"[along]} = ${at} of ${this.told.shape[along]} ` +
      `(${A2IPanel.length((at + 0.5) * this.told.spacing)})`;
    if (this.where.textContent !== where) this.where.textContent = where;
    const shown = stage.panes.flatMap((one) => one.titles).join("; ");
    const label = `${this.told.dataset}, ${where}: ${shown}`;
    // While it blinks by itself, what is said of it need not follow.
    if (state.mode !== "blink") stage.canvas.setAttribute("aria-label", label);
    else stage.canvas.setAttribute("aria-label", `${this.told.dataset}, ${where}: ${left} and ${right} by turns`);
    this._scale();
  }

  _scale() {
    const { state, maps, planes } = this.viewer;
    const kind = state.map ? maps : "";
    if (this.scale.dataset.kind === (kind ?? "")) return;
    this.scale.dataset.kind = kind ?? "";
    this.scale.hidden = !kind;
    if (!kind) return;
    const ramp = kind === "error" ? planes.signed : planes.unsigned;
    const stops = [0, 51, 102, 127, 153, 204, 255].map((n) => `rgb(${ramp[n]}) ${(n / 2.55).toFixed(1)}%`);
    const most = A2IPanel.digits(kind === "error" ? this.told.error : this.told.disagreement);
    const bar = this._make("span", "a2i-ramp");
    bar.style.backgroundImage = `linear-gradient(to right, ${stops.join(", ")})`;
    const ends = kind === "error" ? [`−${most}`, `+${most} grey levels`] : ["0", `${most} grey levels`];
    this.scale.replaceChildren(this._make("span", "", ends[0]), bar, this._make("span", "", ends[1]));
    const says = kind === "error" ? "Error: blue too dark, red too bright, from" : "Disagreement from";
    this.scale.title = `${says} ${ends.join(" to ")}`;
  }

  /** Show the grey levels under the pointer, or nothing. */
  point(found) {
    const { state, stage, planes, maps } = this.viewer;
    const [along, rows, columns] = this.told.families[state.family];
    const voxel = [...state.at];
    if (found) [voxel[rows], voxel[columns]] = [Math.floor(found.row), Math.floor(found.column)];
    const inside = (axis) => voxel[axis] >= this.told.window[axis][0] && voxel[axis] < this.told.window[axis][1];
    if (!found || !inside(rows) || !inside(columns)) {
      this.under.textContent = "";
      return;
    }
    const sources = [found.pane.first, ...(found.pane.second === undefined ? [] : [found.pane.second])];
    const truth = maps === "error" && state.map ? planes.level(planes.reference, state.family, voxel) : null;
    const levels = sources.map((one) => {
      const value = planes.level(one, state.family, voxel);
      if (value === null) return "";
      const off = truth === null || one === planes.reference ? "" : ` (${A2IPanel.signed(value - truth)})`;
      return `${this.told.sources[one].name} ${A2IPanel.digits(value)}${off}`;
    });
    this.under.textContent = `z ${voxel[0]}, y ${voxel[1]}, x ${voxel[2]}: ${levels.join(", ")}`;
  }

  static digits(value) {
    return `${Number(value.toPrecision(4))}`.replace("-", "−");
  }

  static signed(value) {
    return (value > 0 ? "+" : "") + A2IPanel.digits(value);
  }

  static round(longest) {
    const power = 10 ** Math.floor(Math.log10(longest));
    return Math.max(...[0.5, 1, 2, 5].map((one) => one * power).filter((one) => one <= longest * (1 + 1e-9)));
  }

  static length(nm) {
    return nm >= 1000 ? `${Number((nm / 1000).toPrecision(3))} µm` : `${Number(nm.toPrecision(3))} nm`;
  }

  _make(tag, name = "", text = "") {
    const element = document.createElement(tag);
    if (name) element.className = name;
    // Names are text, whatever they hold.
    if (text) element.textContent = text;
    return element;
  }

  _row(...parts) {
    const row = this._make("div", "a2i-row");
    row.append(...parts);
    return row;
  }

  _button(text, act, label = "") {
    const button = this._make("button", "a2i-button", text);
    button.type = "button";
    if (label) button.title = label;
    if (label) button.setAttribute("aria-label", label);
    button.addEventListener("click", act);
    return button;
  }

  _labelled(text, control) {
    const label = this._make("label", "a2i-label");
    // The value within the label is no part of the name.
    control.setAttribute("aria-label", text);
    label.append(this._make("span", "", text), control);
    return label;
  }

  _select(text, names, act) {
    const select = this._make("select");
    names.forEach((name, n) => select.append(new Option(name, n)));
    select.addEventListener("change", () => act(Number(select.value)));
    return { select, label: this._labelled(text, select) };
  }

  _check(text, act) {
    const check = this._make("input");
    check.type = "checkbox";
    check.addEventListener("change", () => act(check.checked));
    const label = this._make("label", "a2i-label");
    label.append(check, this._make("span", "", text));
    return { check, label };
  }

  _range(text, limits, act) {
    const range = this._make("input");
    Object.assign(range, { type: "range", ...limits });
    range.addEventListener("input", () => act(Number(range.value)));
    const output = this._make("output");
    const label = this._labelled(text, range);
    label.append(output);
    const show = (value, said, ends = {}) => {
      Object.assign(range, ends, { value });
      output.textContent = said;
      range.setAttribute("aria-valuetext", said);
    };
    return { range, label, show };
  }

  _choice(text, options, act) {
    const set = this._make("fieldset", "a2i-choice");
    set.append(this._make("legend", "", text));
    const radios = options.map(([value, name]) => {
      const radio = this._make("input");
      Object.assign(radio, { type: "radio", name: `${this.name}-${text}`, value });
      radio.addEventListener("change", () => act(value));
      const label = this._make("label");
      label.append(radio, this._make("span", "", name));
      set.append(label);
      return radio;
    });
    const choose = (value) => radios.forEach((radio) => (radio.checked = radio.value === value));
    return { set, choose };
  }
}
