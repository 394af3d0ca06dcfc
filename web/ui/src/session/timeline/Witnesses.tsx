import { Popover } from '@base-ui/react/popover';
import type { Channel } from '~/api/types';
import { duration, fullTime } from '~/app/time';
import { CHANNEL_NAMES } from '~/sessions/names';
import type { ClippedEvent } from '../cards/types';
import styles from './Witnesses.module.css';

/** An event's witnesses to be shown, and beside what. */
export interface WitnessesShown {
  anchor: HTMLElement;
  event: ClippedEvent | undefined;
}

/** Who saw an event, and when. One for all rows: a popover for each would make scrolling heavy. */
export function Witnesses({ shown, onClose }: { shown: WitnessesShown | undefined; onClose: () => void }) {
  return (
    <Popover.Root open={shown !== undefined} onOpenChange={(open) => !open && onClose()}>
      <Popover.Portal>
        <Popover.Positioner
          anchor={shown?.anchor ?? null}
          side="left"
          align="start"
          sideOffset={4}
          className={styles.positioner}
        >
          <Popover.Popup className={styles.popup}>
            <Popover.Title className={styles.title}>Who saw it</Popover.Title>
            <Table event={shown?.event} />
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** Where a channel stands. */
const VIEWPOINTS: Partial<Record<Channel, string>> = {
  edge: 'between agent and model',
  hook: 'told by the agent',
};

/** The witnesses, the first one first, and how many milliseconds later than that the others were. */
function inTime({ witnesses }: ClippedEvent) {
  const times = witnesses.map((witness) => ({ ...witness, ms: Date.parse(witness.at) }));
  times.sort((a, b) => a.ms - b.ms);
  const first = times[0]?.ms ?? 0;
  return times.map((witness) => ({ ...witness, later: witness.ms - first }));
}

function Table({ event }: { event: ClippedEvent | undefined }) {
  if (event === undefined) return <p>Still loading.</p>;
  return (
    <>
      <table className={styles.table}>
        <thead>
          <tr>
            <th>Channel</th>
            <th>First saw it</th>
            <th>Capture</th>
          </tr>
        </thead>
        <tbody>
          {inTime(event).map(({ channel, at, capture_id, later }) => (
            <tr key={`${channel} ${capture_id} ${at}`}>
              <td>
                {CHANNEL_NAMES[channel]}
                {VIEWPOINTS[channel] !== undefined && (
                  <div className={styles.viewpoint}>{VIEWPOINTS[channel]}</div>
                )}
              </td>
              <td>
                {fullTime(at)}
                {later > 0 && <div className={styles.viewpoint}>{duration(later)} later</div>}
              </td>
              <td>
                <code>{capture_id}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className={styles.id}>
        Event <code>{event.id}</code>, number {event.seq}, revision {event.rev}
      </p>
    </>
  );
}
