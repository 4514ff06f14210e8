"use strict";

/** What a person looks at of one dataset, and the controls of it. */
class A2IViewer {
  static KEYS = [
    ["1 2 3", "xy, xz, yz"],
    ["S B D A", "slider, blink, side by side, all"],
    ["← →", "move the divide"],
    ["↑ ↓", "next and previous slice"],
    ["X or space", "swap the two"],
    ["[ ]", "previous and next on the right; with shift on the left"],
    ["E", "error map on and off"],
    ["P", "blinking on and off"],
    ["+ − 0", "zoom in, out, and all of it"],
    ["shift + arrows", "move the image"],
  ];
  static MODES = [["slider", "Slider"], ["blink", "Blink"], ["side", "Side by side"], ["all", "All"]];

  constructor(root) {
    this.root = root;
    this.told = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    this.planes = new A2IPlanes(root, this.told, () => this.request());
    this.stage = new A2IStage(this.told, this.planes);
    const input = this.told.sources.findIndex((source) => source.kind === "input");
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.state = {
      mode: "slider", family: "xz", first: input, second: this.told.best, divide: 0.5,
      at: [...this.told.voxel], map: false, flipped: false, playing: !this.still.matches, rate: 1,
    };
    this.panel = new A2IPanel(this);
    root.append(this.panel.element);
    this.pointers = new A2IPointers(this);
    root.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.request()).observe(this.stage.element);
    this.still.addEventListener("change", () => this.set({ playing: !this.still.matches }));
    this._printing();
    this.tick();
    this.set({});
  }

  get along() {
    return this.told.families[this.state.family][0];
  }

  /** Which map can be laid over the methods: error, disagreement or none. */
  get maps() {
    if (this.planes.reference >= 0) return "error";
    return this.told.sources.some((source) => source.disagreement) ? "disagreement" : null;
  }

  what(source) {
    const { kind, disagreement } = this.told.sources[source];
    if (!this.state.map || kind === "reference") return "grey";
    if (this.maps === "error") return "error";
    return disagreement ? "disagreement" : "grey";
  }

  title(source) {
    const { kind, name, about } = this.told.sources[source];
    const thick = kind === "input" ? `${(this.told.ratio * this.told.spacing).toPrecision(3) * 1} nm slices` : "";
    const shown = { error: "error", disagreement: "disagreement", grey: "" }[this.what(source)];
    return [name, about, thick, shown].filter(Boolean).join(" · ");
  }

  set(changes) {
    Object.assign(this.state, changes);
    if ("mode" in changes) this.state.flipped = false;
    this.panel.show();
    this.request();
  }

  request() {
    this.wanted ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.wanted = undefined;
    const { mode, family, first, second, divide, flipped, at } = this.state;
    const one = (source, label = "") => ({ first: source, titles: [label + this.title(source)] });
    const pair = { first, second, divide, titles: [this.title(first), this.title(second)] };
    const panes = {
      slider: () => [pair],
      blink: () => [one(flipped ? second : first)],
      side: () => [one(first), one(second)],
      all: () => this.told.sources.map((_, n) => one(n)),
    }[mode]();
    const whole = this.stage.draw(family, at[this.along], panes, (source) => this.what(source));
    this.panel.drawn();
    this.root.dataset.ready = whole;
    if (whole) this._ahead();
  }

  /** Decode what is likely to be wanted next: the other of the two, and the neighbours. */
  _ahead() {
    const { family, at } = this.state;
    const [start, stop] = this.told.stack[this.along];
    for (const step of [0, 1, -1])
      for (const source of [this.state.first, this.state.second]) {
        const next = at[this.along] + step;
        if (next >= start && next < stop) this.planes.values(source, family, next);
      }
  }

  slice(to) {
    const [start, stop] = this.told.stack[this.along];
    const at = [...this.state.at];
    at[this.along] = Math.min(Math.max(to, start), stop - 1);
    this.set({ at });
  }

  swap() {
    if (this.state.mode === "blink") this.set({ flipped: !this.state.flipped });
    else this.set({ first: this.state.second, second: this.state.first });
  }

  next(which, step) {
    const count = this.told.sources.length;
    this.set({ [which]: (this.state[which] + step + count) % count });
  }

  tick() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // A page that nobody sees need not be drawn.
      const { mode, playing, flipped } = this.state;
      if (mode === "blink" && playing && !document.hidden && !this.printed) this.set({ flipped: !flipped });
      this.tick();
    }, 1000 / this.state.rate);
  }

  zoom(factor, x, y) {
    this.stage.zoomBy(factor, x, y);
    this.set({});
  }

  key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || target.closest("select")) return;
    const arrow = key.startsWith("Arrow");
    if (target.matches("input") && (arrow || ["Home", "End", "PageUp", "PageDown"].includes(key))) return;
    if (key === " " && !target.closest(".a2i-stage")) return;
    const action = (arrow && event.shiftKey ? this._pans() : this._actions())[key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  _pans() {
    const pan = (dx, dy) => () => (this.stage.pan(dx, dy), this.set({}));
    return { arrowleft: pan(40, 0), arrowright: pan(-40, 0), arrowup: pan(0, 40), arrowdown: pan(0, -40) };
  }

  _actions() {
    const divide = (step) => () => this.set({ divide: Math.min(Math.max(this.state.divide + step, 0), 1) });
    const slice = (step) => () => this.slice(this.state.at[this.along] + step);
    const set = (changes) => () => this.set(changes);
    return {
      1: set({ family: "xy" }), 2: set({ family: "xz" }), 3: set({ family: "yz" }),
      s: set({ mode: "slider" }), b: set({ mode: "blink" }), d: set({ mode: "side" }), a: set({ mode: "all" }),
      arrowleft: divide(-0.02), arrowright: divide(0.02), home: divide(-1), end: divide(1),
      arrowup: slice(1), arrowdown: slice(-1), pageup: slice(1), pagedown: slice(-1),
      x: () => this.swap(), " ": () => this.swap(),
      "[": () => this.next("second", -1), "]": () => this.next("second", 1),
      "{": () => this.next("first", -1), "}": () => this.next("first", 1),
      e: () => this.maps && this.set({ map: !this.state.map }),
      p: () => this.state.mode === "blink" && this.set({ playing: !this.state.playing }),
      "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5),
      0: () => (this.stage.reset(), this.set({})),
    };
  }

  /** On paper the two stand side by side. */
  _printing() {
    window.addEventListener("beforeprint", () => {
      this.printed = this.state.mode;
      this.set({ mode: "side" });
      this.draw();
    });
    window.addEventListener("afterprint", () => {
      const mode = this.printed;
      this.printed = undefined;
      this.set({ mode });
    });
  }
}

/** Mouse, pen and fingers on the stage: drag the divide, pan, pinch, and wheel. */
class A2IPointers {
  constructor(viewer) {
    this.viewer = viewer;
    this.held = new Map();
    const { element } = viewer.stage;
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerleave", () => viewer.panel.point(null));
    for (const name of ["pointerup", "pointercancel"])
      element.addEventListener(name, (event) => this.held.delete(event.pointerId));
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  _at(event) {
    const box = this.viewer.stage.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button) return;
    const { stage, state } = this.viewer;
    const [x, y] = this._at(event);
    const pane = stage.panes[0];
    const reach = event.pointerType === "mouse" ? 10 : 24;
    const edge = pane.left + pane.width * state.divide;
    const divides = state.mode === "slider" && (event.target.closest(".a2i-divide") || Math.abs(x - edge) < reach);
    // All of an image cannot be moved: then any place takes the divide along.
    const slides = state.mode === "slider" && stage.zoom === 1 && event.pointerType === "mouse";
    this.held.set(event.pointerId, { x, y, divides: divides || slides });
    stage.element.setPointerCapture(event.pointerId);
    if (divides || slides) this._divide(x);
  }

  move(event) {
    const { stage } = this.viewer;
    const [x, y] = this._at(event);
    const held = this.held.get(event.pointerId);
    this.viewer.panel.point(stage.point(x, y));
    if (!held) return;
    if (this.held.size === 2) this._pinch(event.pointerId, x, y);
    else if (held.divides) this._divide(x);
    else {
      stage.pan(x - held.x, y - held.y);
      this.viewer.set({});
    }
    Object.assign(held, { x, y });
  }

  _divide(x) {
    const pane = this.viewer.stage.panes[0];
    this.viewer.set({ divide: Math.min(Math.max((x - pane.left) / pane.width, 0), 1) });
  }

  _pinch(moved, x, y) {
    const [id, other] = [...this.held].find(([id]) => id !== moved);
    const before = this.held.get(moved);
    const apart = (one) => Math.max(Math.hypot(one.x - other.x, one.y - other.y), 1);
    this.viewer.stage.pan((x - before.x) / 2, (y - before.y) / 2);
    this.viewer.zoom(apart({ x, y }) / apart(before), (x + other.x) / 2, (y + other.y) / 2);
    this.held.get(id).divides = before.divides = false;
  }

  wheel(event) {
    const focused = this.viewer.stage.element.contains(document.activeElement);
    // Who scrolls past an image means the page.
    if (!event.ctrlKey && !focused) return;
    event.preventDefault();
    if (event.ctrlKey) this.viewer.zoom(Math.exp(-event.deltaY / 300), ...this._at(event));
    else this.viewer.slice(this.viewer.state.at[this.viewer.along] - Math.sign(event.deltaY));
  }
}

function a2iLook() {
  for (const root of document.querySelectorAll(".a2i-viewer:not([data-made])")) {
    root.dataset.made = "";
    new A2IViewer(root);
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", a2iLook);
else a2iLook();
