// The shapes of what the map's modules hand to each other. Types only: nothing of this file reaches the browser.

/** (a, b) on the plane, or (x, y) in CSS pixels of the map. */
export type Point = [number, number];

/** One layer as `network.json` describes it. */
export interface Layer {
  kind: string;
  name: string;
  size: number;
  kernel: number;
  strides: number;
  activation: string;
  output_shape: number[];
}

export interface DecoderDescription {
  decoder: { input_shape: number[]; layers: Layer[]; heads: Layer[] };
  weights: Record<string, { shape: number[]; offset: number }>;
}

/** z (latentDim,) -> pixels (height * width * channels,) in [0, 1]. The same array each time: copy it to keep it. */
export type Decode = (z: Float32Array) => Float32Array;

/** A part as `carrier.js` laid it down. */
export interface CarriedPart {
  header: any;
  buffer: ArrayBuffer;
}

export interface Decoder {
  decode: Decode;
  latentDim: number;
  layers: Layer[];
  /** height, width, channels */
  imageShape: number[];
  pixels: number;
  /** Too many multiply-adds to follow a moving pointer. */
  heavy: boolean;
  cost: number;
  decodeIn(background: Background): void;
}

/** A queue of decodes that nobody waits for. tag: what `onImage` gets back with the picture. */
export interface Background {
  open(description: DecoderDescription, buffer: ArrayBuffer): void;
  ask(tag: any, z: ArrayLike<number>): void;
  start(): void;
  clear(): void;
  waiting(): number;
  end(): void;
}

export interface Atlas {
  missing(): number[];
  place(index: number): Point;
  put(index: number, image: Float32Array): void;
  blend(place: Point): Float32Array | null;
}

/** Two orthonormal directions of latent space. */
export interface Plane {
  project(z: ArrayLike<number>, from?: number): Point;
  lift(base: ArrayLike<number>, a: number, b: number, out: Float32Array): Float32Array;
  covariance(zLogVar: ArrayLike<number>, from?: number): [number, number, number];
}

/** What part of the plane is on screen. */
export interface View {
  quantile: boolean;
  extent: number;
  centre: Point;
  half: number;
  /** CSS pixels a side. */
  size: number;
  home(): { middle: number; half: number };
  reset(): void;
  zoom(): number;
  toScreen(place: Point): Point;
  fromScreen(at: Point): Point;
  pan(dx: number, dy: number): void;
  zoomAt(at: Point, factor: number): void;
  fromScale(value: number): number;
}

/** A place of the decoded grid. key: "level,i,j". */
export interface Cell {
  key: string;
  left: number;
  bottom: number;
  step: number;
  place: Point;
}

/** The codes of the test images; rows of `labels` and `places` lie in the random order `order`. */
export interface Codes {
  n: number;
  d: number;
  zMean: Float32Array;
  zLogVar: Float32Array | null;
  order: Uint32Array;
  labels: Uint8Array;
  /** Labels in the order of the test images. */
  byIndex: Uint8Array;
  places: Float32Array;
  classes: string[];
  colours: string[];
  kl: number[] | null;
  components: number[][] | null;
  /** What the codes are codes of: "Fashion-MNIST test images". */
  what: string;
  project(plane: Plane): void;
  glideFrom(before: Codes | null): void;
  moved(now: number): boolean;
  extent(): number;
}

/** Pictures that the server has decoded for the cells of one view. */
export interface DecodedGrid {
  /** The pictures in 8 bits, from the lower left, row by row; how many along a side, and half the side that they cover. */
  bytes: Uint8Array;
  side: number;
  extent: number;
  fits(view: View, side: number): boolean;
  picture(cell: Cell, z: Float32Array): Float32Array | null;
}

export interface Thumbnails {
  height: number;
  width: number;
  bitmap: ImageBitmap | null;
  draw(canvas: HTMLCanvasElement, index: number): void;
}

/** A Gaussian to be drawn at true scale. */
export interface Posterior {
  zMean: Float32Array;
  zLogVar: Float32Array | null;
}

export type Units = "pca" | number[];
export type Kind = "decoder" | "codes" | "grid" | "thumbnails";

/** What Python sends: the settings of one map. */
export interface Settings {
  name: string;
  units: Units;
  height: number;
  tiles: number;
  extent: number | null;
  z: number[] | null;
  selected?: [string, number[], number[] | null];
  /** Whether the whole map should fit into the window, below what lies above it. */
  fit: boolean;
  /** Whether a cursor glides over the map until the visitor moves. */
  guide: boolean;
  /** The input's shape, the encoder's layers, the chosen picture as an address, and where the parts lead. */
  strip: [number[], [string, number[]][], string | null, [string, string][]] | null;
  parts: [Kind, string | null][];
  coming: string[];
  /** frames, coming, plays, plain, charts, last step, eager: see `TimelineSettings`. */
  timeline?: [[number, string][], string[], boolean, boolean, string[], number, boolean] | null;
}

/** `setTriggerValue` of Streamlit. */
export type Trigger = (name: string, value: unknown) => void;

/** What is shown and where: shared by the frames, the controls, the pointer and the link to Python. */
export interface MapState {
  layers: Record<"codes" | "names" | "garments" | "posterior" | "trail" | "prior", boolean>;
  /** Labels of the classes that are not drawn. */
  hidden: Set<number>;
  /** The class whose legend chip the pointer is on. */
  lifted: number | null;
  /** Where the middle of each class lies, the largest first. */
  centres: { label: number; count: number; centre: Point }[];
  /** Few pixels: fewer and larger things. */
  narrow: boolean;
  /** Whether the visitor has chosen `side`. */
  sideChosen: boolean;
  /** Whether the fold of the rare controls is closed; undefined before it is touched. */
  folded?: boolean;
  /** Pictures along a side of the decoded grid. */
  side: number;
  scale: string;
  units: Units;
  latentDim: number;
  decoder: Decoder | null;
  codes: Codes | null;
  grid: DecodedGrid | null;
  thumbnails: Thumbnails | null;
  plane: Plane | null;
  /** z that stays when the pointer leaves. */
  pinned: Float32Array | null;
  /** z whose picture is shown now. */
  current: Float32Array;
  /** The pointer's place on the plane; null while it is elsewhere. */
  hover: Point | null;
  /** Where the gliding cursor is. */
  ghost: Point | null;
  /** Where the pointer has been; null where it had left. */
  trail: (Point | null)[];
  /** Row of the code under the pointer and of the code that was clicked, -1 for none. */
  near: number;
  chosen: number;
  /** The picture that Python says is chosen. */
  selected: (Posterior & { name: string }) | null;
}

/** What tests and the curious read as `window.__liveMap[name]`. */
export interface Status {
  z: number[];
  checksum: number;
  decodes: number;
  fps: number;
  decodeMs: number;
  codesDrawn: number;
  approximate: boolean;
  ready: boolean;
  moving: boolean;
  error: number | null;
  /** The class names that are written on the map. */
  names: string[];
  readonly ghost: boolean;
  readonly zoom: number;
  readonly missing: number;
  readonly atlasMissing: number;
  /** See `timeline.js`. */
  timeline?: { place: number; step: number; frames: number; ready: boolean; playing: boolean; fps: number; between: boolean };
  decode?: (z: ArrayLike<number>) => number[];
}

/** One snapshot of a training: see `frames.js`. */
export interface Snapshot {
  step: number;
  /** Rows of pictures, and what each row is. */
  sheet: HTMLCanvasElement;
  words: string[];
  rows: number;
  /** Pictures over the map, and half the side that they cover. */
  mosaic: HTMLCanvasElement | null;
  extent: number | null;
  decoder: Decoder | null;
  codes: Codes | null;
}

/** What Python tells of a timeline: see `frames.py`. */
export interface TimelineSettings {
  frames: [number, string][];
  coming: string[];
  plays: boolean;
  plain: boolean;
  charts: string[];
  lastStep: number;
  eager: boolean;
}

/** What the timeline needs of its map. */
export interface TimelineMap {
  panel: any;
  state: MapState;
  view: View;
  tiles: Tiles;
  status: Status;
  schedule(...what: string[]): void;
}

/** What the map tells its timeline. */
export interface TimelineLink {
  update(settings: TimelineSettings | null, send: Trigger): void;
  /** The map has taken up the newest decoder and codes. */
  adopted(): void;
  /** A part has come. */
  came(): void;
  tick(now: number): void;
  draw(context: CanvasRenderingContext2D): boolean;
  away(): boolean;
  end(): void;
}

/** The decoded grid: see `tiles.js`. */
export interface Tiles {
  side: number;
  shown: boolean;
  /** The timeline draws pictures of its own. */
  covered: boolean;
  missing: number;
  open(decoder: Decoder, lift: (a: number, b: number) => Float32Array, forget: boolean, decoded: DecodedGrid | null): void;
  stale(forget?: boolean): void;
  refresh(): void;
  atlasMissing(): number;
  blend(place: Point): Float32Array | null;
  draw(ratio: number): void;
  end(): void;
}

export type Stamp = HTMLCanvasElement | ImageBitmap;
export type Layers = keyof MapState["layers"];

/** What the pointer and the keyboard ask for. */
export interface MapWishes {
  hover(at: Point): void;
  leave(): void;
  /** null: where the pointer is. */
  pin(at: Point | null): void;
  pan(dx: number, dy: number): void;
  zoom(at: Point, factor: number): void;
  reset(): void;
  /** Whether a drag moves the map: it is zoomed in. */
  canPan(): boolean;
  /** Whether a finger there takes hold of the pin at once. */
  onHandle(at: Point): boolean;
  /** The page was scrolled over the map. */
  scrolled(): void;
  /** In fortieths of the map. */
  step(right: number, up: number): void;
}

/** What the controls below the map ask for. */
export interface ControlWishes {
  showClass(label: number, shown: boolean): void;
  /** null: none. */
  lift(label: number | null): void;
  showLayer(layer: Layers, shown: boolean): void;
  grid(side: number | null, scale: string | null): void;
  axis(which: 0 | 1, value: string | number): void;
  slide(unit: number, value: number): void;
  slid(): void;
}

/** Pixels of the map. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface StripSettings {
  input: number[];
  encoder: [string, number[]][];
}

/** One frame of the strip. sigmas: null for a point that has no posterior. source: the picture that was encoded. */
export interface StripView {
  words: string;
  values: number[];
  sigmas: number[] | null;
  source: HTMLCanvasElement | HTMLImageElement | null;
  picture: { image: Float32Array; shape: number[] };
  /** z comes from a pointer. */
  moving: boolean;
  ink: string;
  accent: string;
}

declare global {
  interface Window {
    /** Somebody has moved over a map, and has been told how to zoom. */
    __liveMapMoved?: boolean;
    __liveMapHinted?: boolean;
    __liveMap?: Record<string, Status>;
    __liveMapParts?: Map<string, CarriedPart>;
  }
  interface HTMLCanvasElement {
    /** Kept by `paint`, so that a frame allocates nothing. */
    pixels?: ImageData;
  }
}
