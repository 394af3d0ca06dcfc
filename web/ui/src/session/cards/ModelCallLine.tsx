import { CircleAlert, Eye } from 'lucide-react';
import type { OutlineItem } from '~/api/types';
import { duration } from '~/app/time';
import { SafeInline, SafeText } from '~/content/SafeText';
import { Tokens } from '../Tokens';
import styles from './cards.module.css';
import { purposeWord } from './modelWords';
import type { EventOf } from './types';

/** One exchange with a model in one line; what went wrong with it stands below. */
export function ModelCallLine(props: {
  item: OutlineItem;
  event: EventOf<'model_call'> | undefined;
  onOpenContext: ((eventId: string) => void) | undefined;
}) {
  const { item, event, onOpenContext } = props;
  const model = item.model ?? event?.response_model ?? item.request_model ?? event?.request_model;
  const status = item.status_code ?? event?.status_code;
  const purpose = purposeWord(item.purpose ?? event?.purpose);
  const usage = item.usage ?? event?.usage;
  const error = event?.error;
  const failed = item.error_kind !== undefined || error || (typeof status === 'number' && status >= 400);
  return (
    <div className={styles.modelCall}>
      <div className={styles.modelLine}>
        <span className={styles.modelWord}>model call</span>
        {purpose !== undefined && <span className={styles.tag}>{purpose}</span>}
        <span title={`Asked of ${item.provider ?? event?.provider ?? 'an unknown provider'}`}>
          <SafeInline text={model ?? 'no model named'} />
        </span>
        {item.request_model !== undefined &&
          item.model !== undefined &&
          item.model !== item.request_model && (
            <span className={styles.faint}>
              asked for <SafeInline text={item.request_model} />
            </span>
          )}
        <Tokens usage={usage} />
        {typeof item.latency_ms === 'number' && (
          <span title="From the request to the end of the answer">{duration(item.latency_ms)}</span>
        )}
        {typeof item.time_to_first_chunk_ms === 'number' && (
          <span className={styles.faint} title="From the request to the first bytes of the answer">
            first after {duration(item.time_to_first_chunk_ms)}
          </span>
        )}
        {typeof status === 'number' ? (
          <span className={status >= 400 ? styles.failed : styles.faint}>{status}</span>
        ) : (
          <span className={styles.warn}>no answer</span>
        )}
        {onOpenContext && (
          <button type="button" className={styles.open} onClick={() => onOpenContext(item.id)}>
            <Eye size={14} aria-hidden /> What the model saw
          </button>
        )}
      </div>
      {failed && (
        <div className={styles.error}>
          <CircleAlert size={16} aria-hidden />
          <strong>
            <SafeInline text={error?.type ?? item.error_kind ?? `status ${status}`} />
          </strong>
          {error && <SafeText text={error.message} piece={4000} />}
        </div>
      )}
    </div>
  );
}
