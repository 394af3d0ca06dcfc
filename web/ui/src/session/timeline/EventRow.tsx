import { memo } from 'react';
import type { Channel, OutlineItem } from '~/api/types';
import { clockTime, fullTime } from '~/app/time';
import { EventCard } from '../cards/EventCard';
import type { ClippedEvent } from '../cards/types';
import { useBody } from '../data/useBodies';
import { failed, kindOf } from '../model/kinds';
import { useRowActions } from './actions';
import { Rail } from './Rail';
import styles from './Row.module.css';
import { EventIcon, SignIcon } from './Sprite';

/** How channels are called where room is short. */
const CHANNEL_SIGNS: Record<Channel, string> = {
  edge: 'edge',
  hook: 'hook',
  browser: 'brw',
  otel: 'otel',
  transcript: 'trn',
  edr: 'edr',
  scan: 'scan',
};

export interface EventRowProps {
  item: OutlineItem;
  /** Of a tool call: the permission that was asked for it. */
  permission: OutlineItem | undefined;
  rail: string;
  expanded: boolean;
  find: string | undefined;
}

/** The inside of a row: time, rail, sign, body, and at its end who saw it and its link. */
export const EventRow = memo(function EventRow(props: EventRowProps) {
  const { item, permission, rail, expanded, find } = props;
  const actions = useRowActions();
  const event = useBody(actions.bodies, item.id);
  const kind = kindOf(item);
  return (
    <div className={styles.event} data-kind={kind} data-failed={failed(item) || undefined}>
      <time
        className={styles.time}
        dateTime={item.at}
        // Written only for who points at it: it costs as much as the rest of a row.
        onMouseEnter={(enter) => {
          enter.currentTarget.title = fullTime(item.at);
        }}
      >
        {clockTime(item.at)}
      </time>
      <Rail rail={rail} />
      <span className={styles.icon}>
        <EventIcon item={item} />
      </span>
      <div className={styles.body}>
        <EventCard
          item={item}
          event={event}
          permission={permission}
          expanded={expanded}
          onToggle={() => actions.toggle(item.id)}
          {...(actions.openContext && kind === 'model' ? { onOpenContext: actions.openContext } : {})}
          {...(find === undefined ? {} : { find })}
        />
      </div>
      <EventMarks item={item} event={event} />
    </div>
  );
});

function EventMarks({ item, event }: { item: OutlineItem; event: ClippedEvent | undefined }) {
  const { openContext, link, witnesses } = useRowActions();
  const channels = item.channels.map((channel) => CHANNEL_SIGNS[channel]).join(' ');
  return (
    <span className={styles.marks}>
      {openContext && item.kind !== 'prompt' && item.kind !== 'model_call' && item.parent_event_id && (
        <button
          type="button"
          className={styles.action}
          title="What the model saw"
          aria-label="What the model saw"
          onClick={() => openContext(item.id)}
        >
          <SignIcon sign="eye" size={13} />
        </button>
      )}
      <button
        type="button"
        className={styles.action}
        title="Copy link"
        aria-label="Copy a link to this event"
        onClick={() => link(item.id)}
      >
        <SignIcon sign="link" size={13} />
      </button>
      <button
        type="button"
        className={styles.channels}
        aria-label={`Seen by ${item.channels.join(', ')}: details`}
        onClick={(click) => witnesses(click.currentTarget, event)}
        onMouseEnter={(enter) => {
          enter.currentTarget.title = told(event);
        }}
      >
        {channels}
      </button>
    </span>
  );
}

/** Who saw it when, in which capture: a line each. */
function told(event: ClippedEvent | undefined): string {
  if (event === undefined) return '';
  return event.witnesses
    .map(({ channel, at, capture_id }) => `${channel}: ${fullTime(at)} (${capture_id})`)
    .join('\n');
}
