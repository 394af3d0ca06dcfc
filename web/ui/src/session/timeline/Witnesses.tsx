import { Popover } from '@base-ui/react/popover';
import { fullTime } from '~/app/time';
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

function Table({ event }: { event: ClippedEvent | undefined }) {
  if (event === undefined) return <p>Still loading.</p>;
  return (
    <>
      <table className={styles.table}>
        <thead>
          <tr>
            <th>Channel</th>
            <th>Saw it</th>
            <th>Capture</th>
          </tr>
        </thead>
        <tbody>
          {event.witnesses.map(({ channel, at, capture_id }) => (
            <tr key={`${channel} ${capture_id} ${at}`}>
              <td>{channel}</td>
              <td>{fullTime(at)}</td>
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
