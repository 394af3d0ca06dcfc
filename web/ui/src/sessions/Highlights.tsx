import { Link } from '@tanstack/react-router';
import type { Highlight } from '~/api/schema';
import { Chars } from '~/content/SafeText';
import { splitMarks } from './marks';
import { KIND_NAMES } from './names';
import styles from './row.module.css';

/** Places in a session where what was looked for stands; each leads there. */
export function Highlights({
  sessionId,
  highlights,
}: {
  sessionId: string;
  highlights: readonly Highlight[];
}) {
  return (
    <ul className={styles.highlights} aria-label="Found in">
      {highlights.map((highlight) => (
        <li key={`${highlight.event_id} ${highlight.text}`}>
          <Link
            to="/sessions/$sessionId"
            params={{ sessionId }}
            search={{ event: highlight.event_id }}
            preload={false}
            className={styles.highlight}
          >
            <span className={styles.kind}>{KIND_NAMES[highlight.kind]}</span>
            <bdi>
              {splitMarks(highlight.text).map(({ text, found }, index) =>
                found ? (
                  // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text, in its order
                  <mark key={index}>
                    <Chars text={text} />
                  </mark>
                ) : (
                  // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text, in its order
                  <Chars key={index} text={text} />
                ),
              )}
            </bdi>
          </Link>
        </li>
      ))}
    </ul>
  );
}
