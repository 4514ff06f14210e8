"use strict";

/** Pictures of one dataset's planes: decoded when they are wanted, kept while they are in use. */
class A2IPlanes {
  static DECODED = 256;
  static PICTURES = 64;
  // ColorBrewer's RdBu, from blue (too dark) to red (too bright).
  static SIGNED = [
    [5, 48, 97], [33, 102, 172], [67, 147, 195], [146, 197, 222], [209, 229, 240], [247, 247, 247],
    [253, 219, 199], [244, 165, 130], [214, 96, 77], [178, 24, 43], [103, 0, 31],
  ];
  static UNSIGNED = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

  /** Return 256 colours between the given ones. */
  static ramp(stops) {
    return Array.from({ length: 256 }, (_, value) => {
      const at = (value / 255) * (stops.length - 1);
      const first = Math.min(Math.floor(at), stops.length - 2);
      return stops[first].map((one, n) => Math.round(one + (at - first) * (stops[first + 1][n] - one)));
    });
  }

  constructor(root, told, changed) {
    this.told = told;
    this.changed = changed;
    this.black = told.show[0];
    this.white = told.show[1];
    this.elements = new Map();
    for (const one of root.querySelectorAll("script[data-family]"))
      this.elements.set([one.dataset.source, one.dataset.kind, one.dataset.family].join(), one);
    this.texts = new Map();
    this.decoded = new Map();
    this.pictures = new Map();
    this.signed = A2IPlanes.ramp(A2IPlanes.SIGNED);
    this.unsigned = A2IPlanes.ramp(A2IPlanes.UNSIGNED);
    this.reference = told.sources.findIndex((source) => source.kind === "reference");
  }

  /** The input slice that covers the middle of an output slice. */
  inputSlice(z) {
    return Math.min(Math.floor((z + 0.5) / this.told.ratio), this.told.inputs - 1);
  }

  /** Where a picture lies, in voxels of the reconstruction: [left, top, width, height]. */
  place(source, family, what) {
    const [, rows, columns] = this.told.families[family];
    const [[top, bottom], [left, right]] = [this.told.window[rows], this.told.window[columns]];
    if (this.told.sources[source].kind !== "input" || rows !== 0 || what === "error")
      return [left, top, right - left, bottom - top];
    const [first, last] = [this.inputSlice(top), this.inputSlice(bottom - 1)];
    return [left, first * this.told.ratio, right - left, (last + 1 - first) * this.told.ratio];
  }

  _index(source, family, at) {
    const along = this.told.families[family][0];
    const first = this.told.stack[along][0];
    if (along === 0 && this.told.sources[source].kind === "input")
      return this.inputSlice(at) - this.inputSlice(first);
    return at - first;
  }

  /** The values of a plane, or null while it is decoded; `changed` is called when it is there. */
  values(source, family, at, disagreement = false) {
    const kind = disagreement ? "disagreement" : this.told.sources[source].kind;
    const stack = [source, kind, family].join();
    const index = this._index(source, family, at);
    const key = `${stack},${index}`;
    const known = this.decoded.get(key);
    if (known) {
      this.decoded.delete(key);
      this.decoded.set(key, known);
      return known.values ? known : null;
    }
    this.decoded.set(key, {});
    this._decode(stack, index).then(
      (plane) => {
        this.decoded.set(key, plane);
        this._forget(this.decoded, A2IPlanes.DECODED);
        this.changed();
      },
      () => this.decoded.set(key, {}),
    );
    return null;
  }

  async _decode(stack, index) {
    if (!this.texts.has(stack)) this.texts.set(stack, this.elements.get(stack).textContent.trim().split(" "));
    const bytes = Uint8Array.from(atob(this.texts.get(stack)[index]), (one) => one.charCodeAt(0));
    // Colours must come back as they were stored.
    const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), options);
    const { width, height } = bitmap;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const rgba = context.getImageData(0, 0, width, height).data;
    const values = new Uint8Array(width * height);
    for (let n = 0; n < values.length; n++) values[n] = rgba[4 * n];
    return { width, height, values };
  }

  /** What is drawn of a source, as a canvas; null while it is decoded. What: grey, error or disagreement. */
  picture(source, family, at, what) {
    const key = [source, family, this._index(source, family, at), what, what === "grey" ? "" : at].join();
    const known = this.pictures.get(key);
    if (known) {
      this.pictures.delete(key);
      this.pictures.set(key, known);
      return known;
    }
    const made = what === "error" ? this._error(source, family, at) : this._levels(source, family, at, what);
    if (made) {
      this.pictures.set(key, made);
      this._forget(this.pictures, A2IPlanes.PICTURES);
    }
    return made;
  }

  _levels(source, family, at, what) {
    const plane = this.values(source, family, at, what === "disagreement");
    if (!plane) return null;
    if (what === "disagreement") return this._paint(plane, (n) => this.unsigned[plane.values[n]]);
    const scale = 255 / Math.max(this.white - this.black, 1e-6);
    const greys = Array.from({ length: 256 }, (_, value) => {
      const grey = Math.round(Math.min(Math.max((value - this.black) * scale, 0), 255));
      return [grey, grey, grey];
    });
    return this._paint(plane, (n) => greys[plane.values[n]]);
  }

  _error(source, family, at) {
    const one = this.values(source, family, at);
    const truth = this.values(this.reference, family, at);
    if (!one || !truth) return null;
    const rows = this._rows(source, family, truth.height);
    const scale = (127.5 * this.told.step) / this.told.error;
    return this._paint(truth, (n) => {
      const row = Math.floor(n / truth.width);
      const value = one.values[rows[row] * truth.width + (n % truth.width)];
      return this.signed[Math.round(Math.min(Math.max(127.5 + (value - truth.values[n]) * scale, 0), 255))];
    });
  }

  /** The row of a source's plane for each row of the reconstruction. */
  _rows(source, family, height) {
    const rows = this.told.families[family][1];
    const top = this.told.window[rows][0];
    const thick = rows === 0 && this.told.sources[source].kind === "input";
    const row = (n) => (thick ? this.inputSlice(top + n) - this.inputSlice(top) : n);
    return Array.from({ length: height }, (_, n) => row(n));
  }

  /** The grey level of a voxel (z, y, x), or null. */
  level(source, family, voxel, disagreement = false) {
    const [along, rows, columns] = this.told.families[family];
    const plane = this.values(source, family, voxel[along], disagreement);
    if (!plane) return null;
    const height = this.told.window[rows][1] - this.told.window[rows][0];
    const row = (disagreement ? (n) => n : (n) => this._rows(source, family, height)[n])(
      voxel[rows] - this.told.window[rows][0],
    );
    const value = plane.values[row * plane.width + voxel[columns] - this.told.window[columns][0]];
    return disagreement ? (value / 255) * this.told.disagreement : this.told.low + value * this.told.step;
  }

  _paint({ width, height }, colour) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let n = 0; n < width * height; n++) {
      const [red, green, blue] = colour(n);
      image.data[4 * n] = red;
      image.data[4 * n + 1] = green;
      image.data[4 * n + 2] = blue;
      image.data[4 * n + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }

  /** Show other grey levels black and white. */
  show(black, white) {
    this.black = black;
    this.white = white;
    this.pictures.clear();
  }

  _forget(map, most) {
    for (const key of map.keys()) {
      if (map.size <= most) return;
      if (map.get(key).values || map === this.pictures) map.delete(key);
    }
  }
}
