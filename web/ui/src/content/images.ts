import { isObject, stringAt, walk } from './json';
import { IMAGE_BASE64_CHARS, IMAGE_PIXELS, IMAGES } from './limits';

/** An image in a value: its bytes, or an address that is only told. */
export type FoundImage = { pointer: string } & ({ mediaType: string; base64: string } | { url: string });

/** What stands in an image's head: its true type and size. */
export interface ImageHead {
  mediaType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
  width: number;
  height: number;
}

/** Bytes of an image that are looked at for its size; a camera's notes come before it in a JPEG. */
const HEAD_BASE64_CHARS = 400_000;

/** The images in a value, in the shapes of the protocols: Anthropic, OpenAI, MCP, Gemini. */
export function findImages(value: unknown): FoundImage[] {
  const found: FoundImage[] = [];
  walk(value, (node, pointer) => {
    if (found.length >= IMAGES) return false;
    const image = isObject(node) ? imageOf(node, pointer) : undefined;
    if (image) found.push(image);
    return image === undefined;
  });
  return found;
}

function imageOf(node: Record<string, unknown>, pointer: string): FoundImage | undefined {
  const type = stringAt(node, 'type');
  const inline = node.inlineData ?? node.inline_data;
  if (type === 'image' && isObject(node.source)) {
    const url = stringAt(node.source, 'url', 'file_id');
    if (url !== undefined) return { pointer, url };
    return bytes(`${pointer}/source`, node.source.media_type, node.source.data);
  }
  if (type === 'image') return bytes(pointer, node.mimeType ?? node.mime_type ?? node.media_type, node.data);
  if (type === 'input_image' || type === 'image_url' || type === 'output_image') {
    const url = stringAt(node, 'image_url', 'url', 'file_id') ?? stringAt(node.image_url, 'url');
    return url === undefined ? undefined : fromUrl(pointer, url);
  }
  if (isObject(inline) && String(inline.mimeType ?? inline.mime_type).startsWith('image/')) {
    return bytes(pointer, inline.mimeType ?? inline.mime_type, inline.data);
  }
  return undefined;
}

function bytes(pointer: string, mediaType: unknown, base64: unknown): FoundImage | undefined {
  return typeof base64 === 'string' && typeof mediaType === 'string'
    ? { pointer, mediaType, base64 }
    : undefined;
}

function fromUrl(pointer: string, url: string): FoundImage {
  const data = /^data:([a-z0-9.+/-]{1,80});base64,/i.exec(url.slice(0, 120));
  if (!data) return { pointer, url };
  return { pointer, mediaType: data[1] ?? '', base64: url.slice(data[0].length) };
}

/** What to show of an image's bytes, or in words why nothing is shown. The head decides, not what is said of it. */
export function readImage(
  mediaType: string,
  base64: string,
): { src: string; head: ImageHead } | { why: string } {
  if (base64.length > IMAGE_BASE64_CHARS) return { why: 'too large to be shown' };
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return { why: 'its bytes are not whole' };
  const head = imageHead(base64);
  if (!head)
    return { why: mediaType === 'image/svg+xml' ? 'SVG is never shown' : 'not a PNG, JPEG, GIF or WebP' };
  if (head.width * head.height > IMAGE_PIXELS)
    return { why: `too many pixels (${head.width} × ${head.height})` };
  return { src: `data:${head.mediaType};base64,${base64}`, head };
}

export const byteLength = (base64: string): number => Math.floor((base64.replace(/=+$/, '').length * 3) / 4);

function imageHead(base64: string): ImageHead | undefined {
  const text = base64.slice(0, HEAD_BASE64_CHARS - (HEAD_BASE64_CHARS % 4));
  let raw: string;
  try {
    raw = atob(text);
  } catch {
    return undefined;
  }
  const at = (index: number): number => raw.charCodeAt(index) || 0;
  if (raw.startsWith('\x89PNG\r\n\x1a\n')) {
    return { mediaType: 'image/png', width: big(at, 16, 4), height: big(at, 20, 4) };
  }
  if (/^GIF8[79]a/.test(raw)) {
    return { mediaType: 'image/gif', width: little(at, 6, 2), height: little(at, 8, 2) };
  }
  if (raw.startsWith('RIFF') && raw.slice(8, 12) === 'WEBP') return webpHead(raw, at);
  return raw.startsWith('\xff\xd8\xff') ? jpegHead(raw, at) : undefined;
}

type Bytes = (index: number) => number;

function big(at: Bytes, from: number, length: number): number {
  let value = 0;
  for (let index = 0; index < length; index++) value = value * 256 + at(from + index);
  return value;
}

function little(at: Bytes, from: number, length: number): number {
  let value = 0;
  for (let index = length - 1; index >= 0; index--) value = value * 256 + at(from + index);
  return value;
}

function webpHead(raw: string, at: Bytes): ImageHead | undefined {
  const mediaType = 'image/webp';
  const kind = raw.slice(12, 16);
  if (kind === 'VP8X') return { mediaType, width: little(at, 24, 3) + 1, height: little(at, 27, 3) + 1 };
  if (kind === 'VP8 ') {
    return { mediaType, width: little(at, 26, 2) % 16384, height: little(at, 28, 2) % 16384 };
  }
  if (kind !== 'VP8L') return undefined;
  const bits = little(at, 21, 4);
  return { mediaType, width: (bits % 16384) + 1, height: (Math.floor(bits / 16384) % 16384) + 1 };
}

/** Goes from segment to segment to the one that tells the size. */
function jpegHead(raw: string, at: Bytes): ImageHead | undefined {
  let index = 2;
  while (index + 9 < raw.length && at(index) === 0xff) {
    const marker = at(index + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      return { mediaType: 'image/jpeg', width: big(at, index + 7, 2), height: big(at, index + 5, 2) };
    }
    index += marker === 0xff ? 1 : 2 + Math.max(big(at, index + 2, 2), 2);
  }
  return undefined;
}
