// Draws the values of a film at any window: by WebGL2 on 16-bit integers, else by a look-up table.

const VERTEX = `#version 300 es
in vec2 corner;
void main() { gl_Position = vec4(corner, 0.0, 1.0); }`;

// Integer textures are not filtered, so each pixel of the canvas shows exactly one value.
const FRAGMENT = `#version 300 es
precision highp float;
precision highp usampler2D;
uniform usampler2D values;
uniform vec2 window;
uniform float inverted;
uniform float height;
out vec4 colour;
void main() {
  ivec2 place = ivec2(gl_FragCoord.x, height - gl_FragCoord.y);
  float value = float(texelFetch(values, place, 0).r);
  float grey = clamp((value - window.x) / (window.y - window.x), 0.0, 1.0);
  grey = mix(grey, 1.0 - grey, inverted);
  colour = vec4(vec3(grey), 1.0);
}`;

class WithGraphics {
  constructor(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("no WebGL2");
    this.gl = gl;
    this.canvas = canvas;
    this.program = this.linked(VERTEX, FRAGMENT);
    gl.useProgram(this.program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(this.program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
    }
  }

  linked(...sources) {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [place, source] of sources.entries()) {
      const shader = gl.createShader(place ? gl.FRAGMENT_SHADER : gl.VERTEX_SHADER);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    return program;
  }

  put(values, width, height) {
    const gl = this.gl;
    if (Math.max(width, height) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) throw new Error("too large");
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(
      gl.TEXTURE_2D, 0, gl.R16UI, width, height, 0, gl.RED_INTEGER, gl.UNSIGNED_SHORT, values,
    );
    gl.viewport(0, 0, width, height);
    if (gl.getError() !== gl.NO_ERROR) throw new Error("the graphics cannot hold the film");
  }

  draw(low, high, inverted) {
    const gl = this.gl;
    const place = (name) => gl.getUniformLocation(this.program, name);
    gl.uniform2f(place("window"), low, high);
    gl.uniform1f(place("inverted"), inverted ? 1 : 0);
    gl.uniform1f(place("height"), this.canvas.height);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  close() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

class WithTable {
  constructor(canvas) {
    this.context = canvas.getContext("2d", { alpha: false });
    this.table = new Uint32Array(1 << 16);
  }

  put(values, width, height) {
    this.values = values;
    this.picture = this.context.createImageData(width, height);
    this.pixels = new Uint32Array(this.picture.data.buffer);
  }

  draw(low, high, inverted) {
    const { table, values, pixels } = this;
    for (let value = 0; value < table.length; value++) {
      const part = Math.min(Math.max((value - low) / (high - low), 0), 1);
      table[value] = 0xff000000 | (Math.round(255 * (inverted ? 1 - part : part)) * 0x010101);
    }
    for (let place = 0; place < values.length; place++) pixels[place] = table[values[place]];
    this.context.putImageData(this.picture, 0, 0);
  }

  close() {}
}

/** A canvas of one film, in `stage`, with as many pixels as the film. */
export class FilmCanvas {
  constructor(stage, wanted = "") {
    this.stage = stage;
    this.wanted = wanted;
  }

  /** Shows `values` (row by row) of a film. */
  put(values, width, height) {
    if (this.isOfSize(width, height) && this.isTaken(values, width, height)) return;
    const ways = this.wanted === "table" ? [WithTable] : [WithGraphics, WithTable];
    for (const Way of ways) {
      const canvas = document.createElement("canvas");
      canvas.width = width;
      canvas.height = height;
      let way;
      try {
        way = new Way(canvas);
        way.put(values, width, height);
      } catch (problem) {
        way?.close();
        continue;
      }
      this.way?.close();
      this.way = way;
      this.canvas = canvas;
      this.renderer = Way === WithTable ? "table" : "graphics";
      this.stage.replaceChildren(canvas);
      return;
    }
  }

  isOfSize(width, height) {
    return this.way && this.canvas.width === width && this.canvas.height === height;
  }

  /** Whether the canvas that is there took other values, which saves the start of another one. */
  isTaken(values, width, height) {
    try {
      this.way.put(values, width, height);
      return true;
    } catch {
      return false;
    }
  }

  draw({ low, high, inverted }) {
    this.way?.draw(low, Math.max(high, low + 1e-6), inverted);
  }

  clear() {
    this.way?.close();
    this.way = null;
    this.canvas = null;
    this.stage.replaceChildren();
  }
}

/** The grey values of a picture, 0 to 255. */
export function greyOf(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const grey = new Uint16Array(bitmap.width * bitmap.height);
  for (let place = 0; place < grey.length; place++) grey[place] = data[4 * place];
  return grey;
}
