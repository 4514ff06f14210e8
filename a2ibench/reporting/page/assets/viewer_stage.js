"use strict";

/** Draws panes of one plane, all at one place, one zoom and one scale of greys. */
class A2IStage {
  static GAP = 6;
  static STRIP = 24;
  static KNOB = 24;
  static MOST = 32;
  static FLAT = 36;
  static LEAST = 160;

  constructor(told, planes) {
    this.told = told;
    this.planes = planes;
    this.element = document.createElement("div");
    this.element.className = "a2i-stage";
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.titles = document.createElement("div");
    this.titles.className = "a2i-titles";
    this.titles.setAttribute("aria-hidden", "true");
    this.element.append(this.canvas, this.titles);
    this.zoom = 1;
    this.centre = told.window.map(([start, stop]) => (start + stop) / 2);
    this.scale = 1;
    this.panes = [];
  }

  /** Rows and columns of the planes of a family, as [start, stop] each. */
  extent(family) {
    const [, rows, columns] = this.told.families[family];
    return [this.told.window[rows], this.told.window[columns]];
  }

  /** Divide the stage among panes; returns left, top, width and height of each, in CSS pixels. */
  layout(family, count, slides) {
    const width = Math.max(this.element.clientWidth, 120);
    const [rows, columns] = this.extent(family).map(([start, stop]) => stop - start);
    // What fits a window, title strips and controls apart, so that all of it is seen at once.
    const most = Math.max(240, 0.62 * window.innerHeight);
    let best = null;
    for (let across = 1; across <= count; across++) {
      const down = Math.ceil(count / across);
      const room = (width - A2IStage.GAP * (across - 1)) / across;
      if (count > 2 && across > 1 && room < A2IStage.LEAST) continue;
      const height = (most - A2IStage.GAP * (down - 1)) / down - A2IStage.STRIP;
      // Many panes may scroll rather than become stamps.
      const scale = Math.min(room / columns, count > 2 ? room / columns : height / rows);
      const fits = down * (rows * scale + A2IStage.STRIP) <= most;
      if (!best || (fits && !best.fits) || (fits === best.fits && (fits ? scale > best.scale : scale < best.scale)))
        best = { across, room, scale, fits };
    }
    const down = Math.ceil(count / best.across);
    this.fit = best.scale;
    // A flat plane gains height by zooming, as far as there is room.
    const room = (most - A2IStage.GAP * (down - 1)) / down - A2IStage.STRIP;
    const height = Math.max(rows * this.fit, Math.min(rows * this.fit * this.zoom, room), A2IStage.FLAT);
    this.height = down * (height + A2IStage.STRIP) + (down - 1) * A2IStage.GAP + (slides ? A2IStage.KNOB : 0);
    // No bars beside a narrow plane: the divide goes over the image and nothing else.
    const across = Math.min(Math.max(columns * this.fit * this.zoom, A2IStage.LEAST), best.room);
    return Array.from({ length: count }, (_, n) => ({
      left: (n % best.across) * (across + A2IStage.GAP),
      top: Math.floor(n / best.across) * (height + A2IStage.STRIP + A2IStage.GAP) + A2IStage.STRIP,
      width: across,
      height,
    }));
  }

  /** Draw; each pane is {first, second, divide, titles}, with one source or two. Returns whether all is there. */
  draw(family, at, panes, what) {
    const places = this.layout(family, panes.length, panes[0].second !== undefined);
    const density = window.devicePixelRatio || 1;
    const width = Math.max(this.element.clientWidth, 120);
    const size = [Math.round(width * density), Math.round(this.height * density)];
    // Setting a size clears the canvas, which would flicker.
    if (this.canvas.width !== size[0]) this.canvas.width = size[0];
    if (this.canvas.height !== size[1]) this.canvas.height = size[1];
    this.element.style.height = `${this.height}px`;
    this.scale = this.fit * this.zoom;
    this._keepInside(family, places[0]);
    const context = this.canvas.getContext("2d");
    context.setTransform(density, 0, 0, density, 0, 0);
    context.imageSmoothingEnabled = this.scale * density < 1;
    context.clearRect(0, 0, width, this.height);
    this.family = family;
    this.panes = places.map((place, n) => ({ ...place, ...panes[n] }));
    let whole = true;
    for (const pane of this.panes) {
      const edge = pane.left + pane.width * (pane.second === undefined ? 1 : pane.divide);
      whole = this._part(context, family, at, pane, pane.first, what(pane.first), pane.left, edge) && whole;
      if (pane.second === undefined) continue;
      const right = pane.left + pane.width;
      whole = this._part(context, family, at, pane, pane.second, what(pane.second), edge, right) && whole;
    }
    this._title();
    return whole;
  }

  _part(context, family, at, pane, source, what, left, right) {
    const picture = this.planes.picture(source, family, at, what);
    context.save();
    context.beginPath();
    context.rect(left, pane.top, Math.max(right - left, 0), pane.height);
    context.clip();
    context.fillStyle = "#000";
    context.fillRect(pane.left, pane.top, pane.width, pane.height);
    if (picture) {
      const [rows, columns] = this.extent(family);
      // A thick slice at the end may reach beyond the reconstruction.
      const [x, y] = this.pixel(pane, columns[0], rows[0]);
      context.beginPath();
      const span = [columns[1] - columns[0], rows[1] - rows[0]].map((one) => one * this.scale);
      context.rect(x, y, ...span);
      context.clip();
      const [u, v, w, h] = this.planes.place(source, family, what);
      context.drawImage(picture, ...this.pixel(pane, u, v), w * this.scale, h * this.scale);
    }
    context.restore();
    return picture !== null;
  }

  /** CSS pixels of a point in a pane; voxel n begins at n. */
  pixel(pane, column, row) {
    const [, rows, columns] = this.told.families[this.family];
    return [
      pane.left + pane.width / 2 + (column - this.centre[columns]) * this.scale,
      pane.top + pane.height / 2 + (row - this.centre[rows]) * this.scale,
    ];
  }

  /** The pane and point [column, row] at CSS pixels of the stage; null beside all panes. */
  point(x, y) {
    const inside = (one) =>
      x >= one.left && x < one.left + one.width && y >= one.top && y < one.top + one.height;
    const pane = this.panes.find(inside);
    if (!pane) return null;
    const [, rows, columns] = this.told.families[this.family];
    return {
      pane,
      column: this.centre[columns] + (x - pane.left - pane.width / 2) / this.scale,
      row: this.centre[rows] + (y - pane.top - pane.height / 2) / this.scale,
    };
  }

  pan(dx, dy) {
    const [, rows, columns] = this.told.families[this.family];
    this.centre[columns] -= dx / this.scale;
    this.centre[rows] -= dy / this.scale;
  }

  /** Zoom by a factor; what is at a point of a pane stays there. */
  zoomBy(factor, x, y) {
    const held = x === undefined ? null : this.point(x, y);
    const before = this.zoom;
    this.zoom = Math.min(Math.max(this.zoom * factor, 1), Math.max(A2IStage.MOST / this.fit, 1));
    if (!held) return;
    const [, rows, columns] = this.told.families[this.family];
    const kept = before / this.zoom;
    this.centre[columns] = held.column + (this.centre[columns] - held.column) * kept;
    this.centre[rows] = held.row + (this.centre[rows] - held.row) * kept;
  }

  reset() {
    this.zoom = 1;
    this.centre = this.told.window.map(([start, stop]) => (start + stop) / 2);
  }

  _keepInside(family, pane) {
    this.family = family;
    const axes = this.told.families[family];
    for (const [axis, size] of [[axes[1], pane.height], [axes[2], pane.width]]) {
      const [start, stop] = this.told.window[axis];
      const half = Math.min(size / this.scale, stop - start) / 2;
      this.centre[axis] = Math.min(Math.max(this.centre[axis], start + half), stop - half);
    }
  }

  _title() {
    const wanted = this.panes.flatMap((pane) =>
      pane.titles.map((text, n) => ({ text, pane, right: n === 1 })),
    );
    while (this.titles.children.length > wanted.length) this.titles.lastChild.remove();
    while (this.titles.children.length < wanted.length) this.titles.append(document.createElement("span"));
    wanted.forEach(({ text, pane, right }, n) => {
      const title = this.titles.children[n];
      if (title.textContent !== text) title.textContent = text;
      title.title = text;
      const width = pane.titles.length > 1 ? pane.width / 2 - 4 : pane.width;
      title.style.left = `${right ? pane.left + pane.width - width : pane.left}px`;
      title.style.top = `${pane.top - A2IStage.STRIP}px`;
      title.style.width = `${width}px`;
      title.style.textAlign = right ? "right" : "left";
    });
  }
}
