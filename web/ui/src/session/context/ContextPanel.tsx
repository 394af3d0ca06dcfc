import { useQuery } from '@tanstack/react-query';
import { Download, X } from 'lucide-react';
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { client, unwrap } from '~/api/client';
import type { Context } from '~/api/schema';
import { count } from '~/app/time';
import { CopyButton, ToolButton } from '~/content/CopyButton';
import { jsonText } from '~/content/json';
import { SafeInline } from '~/content/SafeText';
import { reason } from '../cards/load';
import { ChangesView } from './ChangesView';
import { readRedactions } from './changes';
import styles from './context.module.css';
import { RequestView } from './RequestView';
import { readRequest } from './request';

export interface ContextPanelProps {
  sessionId: string;
  /** Event id of the model call. */
  callId: string;
  /** Event id of the previous model call of the same lane. */
  previousCallId?: string;
  onClose: () => void;
}

/** The exact request of a model call, and what changed since the previous one. */
export function ContextPanel({ sessionId, callId, previousCallId, onClose }: ContextPanelProps) {
  const [view, setView] = useState<'request' | 'changes'>('request');
  const [typed, setTyped] = useState('');
  const find = useDeferredValue(typed.trim() === '' ? undefined : typed.trim());
  const context = useContextOf(sessionId, callId);
  const before = useContextOf(sessionId, view === 'changes' ? previousCallId : undefined);
  const request = useMemo(() => context.data && readRequest(context.data), [context.data]);
  const previous = useMemo(() => before.data && readRequest(before.data), [before.data]);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <section className={styles.panel} aria-labelledby="context-title">
      <header className={styles.head}>
        <h2 id="context-title" tabIndex={-1} ref={title}>
          What the model saw
        </h2>
        <div className={styles.headTools}>
          <ToolButton pressed={view === 'request'} onClick={() => setView('request')}>
            Request
          </ToolButton>
          {previousCallId !== undefined && (
            <ToolButton pressed={view === 'changes'} onClick={() => setView('changes')}>
              Changes since the previous call
            </ToolButton>
          )}
          {context.data && (
            <>
              <CopyButton text={() => jsonText(context.data)} label="Copy JSON" />
              <ToolButton onClick={() => download(context.data, callId)}>
                <Download size={14} aria-hidden /> Download
              </ToolButton>
            </>
          )}
          <button type="button" className={styles.close} aria-label="Close" onClick={onClose}>
            <X size={16} aria-hidden />
          </button>
        </div>
        <input
          type="search"
          className="field"
          placeholder="Find in this request"
          aria-label="Find in this request"
          value={typed}
          onChange={(change) => setTyped(change.target.value)}
        />
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <div className={styles.body} tabIndex={0} aria-busy={context.isPending}>
        {context.isPending && <p className={styles.quiet}>Loading what the model saw…</p>}
        {context.error && <Failure error={context.error} retry={() => void context.refetch()} />}
        {context.data && <Exactness context={context.data} />}
        {request && view === 'request' && <RequestView request={request} find={find} />}
        {view === 'changes' && before.isPending && (
          <p className={styles.quiet}>Loading the previous request…</p>
        )}
        {view === 'changes' && before.error && (
          <Failure error={before.error} retry={() => void before.refetch()} />
        )}
        {request && view === 'changes' && previous && (
          <ChangesView before={previous} after={request} find={find} />
        )}
      </div>
    </section>
  );
}

function useContextOf(sessionId: string, callId: string | undefined) {
  return useQuery({
    queryKey: ['context', sessionId, callId],
    enabled: callId !== undefined,
    // A request was sent once and stays as it was; it is large, so it is not kept for long.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    queryFn: ({ signal }) =>
      unwrap(
        client.GET('/sessions/{id}/calls/{event_id}/context', {
          params: { path: { id: sessionId, event_id: callId ?? '' } },
          signal,
        }),
      ),
  });
}

function Failure({ error, retry }: { error: Error; retry: () => void }) {
  return (
    <div className={styles.failure} role="alert">
      <p>{reason(error)}</p>
      <button type="button" className="button" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** How far this is what was sent, in words. */
function Exactness({ context }: { context: Context }) {
  const { kinds, paths } = readRedactions(context.redactions);
  const redacted = kinds.map(([kind, times]) => `${count(times)} × ${kind}`).join(', ');
  return (
    <div className={styles.exactness} data-exact={context.exact}>
      <p>
        {context.exact
          ? `The request as it was sent${paths.length > 0 ? ', but for what was redacted' : ', exactly'}.`
          : 'Put together from what was recorded: not exactly what was sent.'}
        {paths.length > 0 && (
          <>
            {' '}
            Redacted: <SafeInline text={redacted} />.
          </>
        )}
      </p>
      {paths.length > 0 && (
        <details>
          <summary>Where</summary>
          <ul>
            {paths.slice(0, 200).map((path, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two redactions may stand in one place.
              <li key={at}>
                <code>
                  <SafeInline text={path} />
                </code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

/** Saves the request as a file, from what the page has. */
function download(context: Context, callId: string): void {
  const url = URL.createObjectURL(new Blob([jsonText(context)], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${callId}-context.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
