import { type ReactNode, useMemo, useState } from 'react';
import { count } from '~/app/time';
import { isTerminalText, type Look, readTerminal, type Screen } from './ansi';
import { Block } from './CodeBlock';
import { CopyButton, ToolButton } from './CopyButton';
import { cut } from './chars';
import { TEXT_PIECE_CHARS } from './limits';
import { Chars, Chip, type Rest, SafeText, ShowNext } from './SafeText';
import styles from './Terminal.module.css';

export interface TerminalProps {
  text: string;
  label?: ReactNode;
  find?: string | undefined;
  rest?: Rest | undefined;
}

/** Output of a command: its colours, and nothing else that a terminal would do. */
export function Terminal({ text, label, find, rest }: TerminalProps) {
  const [shown, setShown] = useState(TEXT_PIECE_CHARS);
  const [raw, setRaw] = useState(false);
  const [wrap, setWrap] = useState(true);
  const visible = cut(text, shown);
  const screen = useMemo(() => readTerminal(visible), [visible]);
  const total = Math.max(rest?.total ?? 0, text.length);
  const more = () => {
    setShown(shown + TEXT_PIECE_CHARS);
    if (shown + TEXT_PIECE_CHARS > text.length && text.length < total) rest?.loadMore();
  };
  return (
    <Block
      label={
        <>
          {label} <Notes screen={screen} />
        </>
      }
      wrap={wrap}
      tools={
        <>
          {isTerminalText(visible) && (
            <ToolButton pressed={raw} onClick={() => setRaw(!raw)}>
              Raw
            </ToolButton>
          )}
          <ToolButton pressed={wrap} onClick={() => setWrap(!wrap)}>
            Wrap
          </ToolButton>
          <CopyButton text={() => text} />
        </>
      }
    >
      {raw ? (
        <SafeText text={visible} mono find={find} piece={TEXT_PIECE_CHARS + shown} />
      ) : (
        <div className={styles.screen} dir="auto">
          {screen.spans.map((span, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text have no other name.
            <span key={at} className={classOf(span.look)}>
              <Chars text={span.text} find={find} />
            </span>
          ))}
        </div>
      )}
      {visible.length < total && (
        <ShowNext
          next={Math.min(TEXT_PIECE_CHARS, total - visible.length)}
          of={total - visible.length}
          loading={rest?.loading ?? false}
          error={rest?.error}
          onShow={more}
        />
      )}
    </Block>
  );
}

/** What was taken out, so that nothing goes unseen. */
function Notes({ screen }: { screen: Screen }) {
  const kinds = [...screen.removed].map(([what, times]) => `${count(times)} × ${what}`);
  const times = [...screen.removed.values()].reduce((sum, n) => sum + n, 0);
  return (
    <>
      {times > 0 && (
        <Chip
          chip={`${count(times)} escape ${times === 1 ? 'sequence' : 'sequences'} left out`}
          title={`${kinds.join(', ')}. “Raw” shows them.`}
        />
      )}
      {screen.overwritten > 0 && (
        <Chip
          chip={`${count(screen.overwritten)} overwritten`}
          title="States of progress lines that later ones replaced. “Raw” shows them."
        />
      )}
    </>
  );
}

function classOf(look: Look): string | undefined {
  const names: (string | undefined)[] = [];
  const { fg, bg } = look.reverse ? { fg: look.bg, bg: look.fg ?? 'white' } : look;
  // On a coloured ground text keeps its own colour: no pair that a program chooses can make it unreadable.
  if (bg) names.push(styles.ground, styles[bg]);
  else if (fg) names.push(styles[fg]);
  if (look.bold) names.push(styles.bold);
  if (look.dim) names.push(styles.dim);
  if (look.italic) names.push(styles.italic);
  if (look.underline || look.strike) names.push(look.strike ? styles.strike : styles.underline);
  return names.length === 0 ? undefined : names.join(' ');
}
