import { Image as ImageIcon } from 'lucide-react';
import { useMemo } from 'react';
import { count } from '~/app/time';
import styles from './Images.module.css';
import { byteLength, type FoundImage, findImages, readImage } from './images';
import { SafeInline } from './SafeText';

export interface ImagesProps {
  value: unknown;
  /** What the images are of, for those who do not see them. */
  label: string;
  /** Loads the whole value where only its beginning is here. */
  load?: (() => void) | undefined;
}

/** The images in a value. Those that are there as bytes are shown; an address is told and never asked. */
export function Images({ value, label, load }: ImagesProps) {
  const images = useMemo(() => findImages(value), [value]);
  if (images.length === 0) return null;
  return (
    <ul className={styles.list}>
      {images.map((image) => (
        <li key={image.pointer}>
          {'url' in image ? <Address url={image.url} /> : <Picture image={image} label={label} load={load} />}
        </li>
      ))}
    </ul>
  );
}

function Address({ url }: { url: string }) {
  return (
    <span className={styles.missing}>
      <ImageIcon size={14} aria-hidden /> image by address, not loaded:{' '}
      <SafeInline text={url.slice(0, 500)} />
    </span>
  );
}

function Picture(props: {
  image: Extract<FoundImage, { base64: string }>;
  label: string;
  load?: (() => void) | undefined;
}) {
  const { image, label, load } = props;
  const read = useMemo(() => readImage(image.mediaType, image.base64), [image]);
  if (load) {
    return (
      <span className={styles.missing}>
        <ImageIcon size={14} aria-hidden /> image <SafeInline text={image.mediaType} />
        <button type="button" className="button" onClick={load}>
          Show image
        </button>
      </span>
    );
  }
  if ('why' in read) {
    return (
      <span className={styles.missing}>
        <ImageIcon size={14} aria-hidden /> image <SafeInline text={image.mediaType} />, not shown: {read.why}
      </span>
    );
  }
  const { width, height, mediaType } = read.head;
  const told = `${mediaType.slice('image/'.length).toUpperCase()}, ${width} × ${height}, ${bytesText(byteLength(image.base64))}`;
  return (
    <figure className={styles.figure}>
      <img src={read.src} alt={`${label} (${told})`} width={width} height={height} decoding="async" />
      <figcaption>{told}</figcaption>
    </figure>
  );
}

/** `12 KB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${count(bytes)} bytes`;
  if (bytes < 1024 * 1024) return `${count(Math.round(bytes / 1024))} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
