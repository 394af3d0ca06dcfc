import { ChevronRight, ShieldCheck, ShieldQuestion, ShieldX } from 'lucide-react';
import type { PermissionDecision } from '~/api/schema';
import type { OutlineItem } from '~/api/types';
import { count } from '~/app/time';
import { JsonView } from '~/content/JsonView';
import { SafeInline, SafeText } from '~/content/SafeText';
import styles from './around.module.css';
import { DECISIONS, lineOf, permissionSentence } from './aroundWords';
import cardStyles from './cards.module.css';
import { usePieces } from './load';
import { Hidden, Placeholder, type TextCardProps } from './TextCards';
import type { EventOf } from './types';

/** Starts, ends and compactions: one quiet line, and the agent's own word where it says more. */
export function SpanLine({ item, find }: { item: OutlineItem; find: string | undefined }) {
  const { what, word } = lineOf(item);
  return (
    <p className={styles.line}>
      <span className={styles.what}>{what}</span>
      {word !== undefined && (
        <span className={cardStyles.tag}>
          <SafeInline text={word} find={find} />
        </span>
      )}
    </p>
  );
}

/** What an agent tells of itself, or what went wrong with it; a long message opens. */
export function NoticeLine({ item, event, expanded, onToggle, find }: TextCardProps<'notice' | 'error'>) {
  const { what } = lineOf(item);
  const tone = item.kind === 'error' ? cardStyles.failed : styles.what;
  if (item.chars <= item.title.length && item.lines <= 1) {
    return (
      <p className={styles.line}>
        <span className={tone}>
          <SafeInline text={what} />
        </span>
        <span className={styles.message}>
          <SafeInline text={item.title} find={find} />
        </span>
      </p>
    );
  }
  return (
    <div>
      <button type="button" className={cardStyles.fold} aria-expanded={expanded} onClick={onToggle}>
        <span className={tone}>
          <SafeInline text={what} />
        </span>
        {!expanded && (
          <span className={cardStyles.oneLine}>
            <SafeInline text={item.title} find={find} />
          </span>
        )}
        <span className={cardStyles.faint}>{count(item.chars)} characters</span>
      </button>
      {expanded && (event ? <Message event={event} find={find} /> : <Placeholder item={item} />)}
    </div>
  );
}

function Message({ event, find }: { event: EventOf<'notice' | 'error'>; find: string | undefined }) {
  const { text, rest } = usePieces(event, '/message', event.message);
  if (text === '') return <Hidden shown={false}>Not recorded.</Hidden>;
  return <SafeText text={text} rest={rest} find={find} />;
}

/** That an agent wanted to run something, and what it was told. */
export function PermissionCard({ item, event, expanded, onToggle, find }: TextCardProps<'permission'>) {
  const decision = event?.decision ?? item.decision ?? 'asked';
  const tool = item.tool?.mcp_tool ?? item.tool?.name ?? 'a tool';
  return (
    <div>
      <button type="button" className={cardStyles.fold} aria-expanded={expanded} onClick={onToggle}>
        <ChevronRight size={14} aria-hidden className={styles.arrow} />
        <span className={styles.what}>Permission {DECISIONS[decision]}</span>
        <span className={cardStyles.toolName}>
          <SafeInline text={tool} find={find} />
        </span>
        <span className={cardStyles.oneLine}>
          <SafeInline text={item.title} find={find} />
        </span>
      </button>
      {expanded && (
        <div className={styles.opened}>
          {event ? <Asked item={item} event={event} find={find} /> : <Placeholder item={item} />}
        </div>
      )}
    </div>
  );
}

function Asked(props: { item: OutlineItem; event: EventOf<'permission'>; find: string | undefined }) {
  const { item, event, find } = props;
  const bare = event.arguments === undefined || event.arguments === null;
  return (
    <>
      {event.reason && (
        <p className={styles.reason}>
          Reason: <SafeInline text={event.reason} find={find} />
        </p>
      )}
      {bare ? (
        <Hidden shown={item.chars === 0}>No arguments were told.</Hidden>
      ) : (
        <JsonView value={event.arguments} label="arguments" find={find} />
      )}
    </>
  );
}

const SHIELDS: Record<PermissionDecision, typeof ShieldCheck> = {
  asked: ShieldQuestion,
  allowed: ShieldCheck,
  denied: ShieldX,
};

/** At a tool call: that a permission was needed for it, and what came of that. */
export function PermissionChip({ permission, status }: Decided) {
  const decision = permission.decision ?? 'asked';
  const Shield = SHIELDS[decision];
  return (
    <span
      className={styles.chip}
      data-decision={decision}
      title={permissionSentence(decision, status ?? undefined)}
    >
      <Shield size={13} aria-hidden />
      permission {DECISIONS[decision]}
    </span>
  );
}

export interface Decided {
  permission: OutlineItem;
  /** Of the call. */
  status: OutlineItem['status'];
}
