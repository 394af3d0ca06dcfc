import { useQuery } from '@tanstack/react-query';
import { Bot, File, Image as ImageIcon } from 'lucide-react';
import type { Attachment } from '~/api/types';
import { count } from '~/app/time';
import { plainly } from '~/content/chars';
import { Details } from '~/content/Details';
import { bytesText, Images } from '~/content/Images';
import { findImages } from '~/content/images';
import { SafeInline, SafeText } from '~/content/SafeText';
import styles from './cards.module.css';
import { reason } from './load';
import { imagesOfPrompt } from './promptImages';
import type { EventOf } from './types';

/** What came with a prompt: text that the agent put in stands folded and apart; files and images are named. */
export function Attachments({ event, find }: { event: EventOf<'prompt'>; find: string | undefined }) {
  const added = event.attachments.filter((attachment) => attachment.kind === 'context');
  const files = event.attachments.filter((attachment) => attachment.kind !== 'context');
  return (
    <>
      {files.length > 0 && (
        <ul className={styles.files}>
          {files.map((file, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: attachments have no other name.
            <li key={at}>
              <FileName file={file} />
            </li>
          ))}
        </ul>
      )}
      {files.some((file) => file.kind === 'image' && !file.reference) && <PromptImages event={event} />}
      {added.map((attachment, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: attachments have no other name.
        <Added key={at} attachment={attachment} find={find} />
      ))}
    </>
  );
}

function FileName({ file }: { file: Attachment }) {
  const Icon = file.kind === 'image' ? ImageIcon : File;
  return (
    <span className={styles.file}>
      <Icon size={14} aria-hidden />
      <SafeInline text={file.name ?? file.kind} />
      {file.media_type && <SafeInline text={file.media_type} />}
      {file.bytes ? <span>{bytesText(file.bytes)}</span> : null}
      {file.reference && (
        <>
          by reference, not loaded: <SafeInline text={file.reference.slice(0, 500)} />
        </>
      )}
    </span>
  );
}

/** Pictures are kept in what the model saw, not in the event: they are asked for when a reader wants them. */
function PromptImages({ event }: { event: EventOf<'prompt'> }) {
  const query = useQuery({
    queryKey: ['prompt-images', event.id, event.rev],
    enabled: false,
    queryFn: ({ signal }) => imagesOfPrompt(event, signal),
  });
  if (query.data !== undefined) {
    return findImages(query.data).length > 0 ? (
      <Images value={query.data} label="Image of the prompt" />
    ) : (
      <p className={styles.quiet}>What the model saw holds no image of this prompt.</p>
    );
  }
  return (
    <p className={styles.row}>
      <button
        type="button"
        className="button"
        disabled={query.isFetching}
        onClick={() => void query.refetch()}
      >
        {query.isFetching ? 'Loading…' : 'Show images'}
      </button>
      {query.error && <span role="alert">{reason(query.error)}</span>}
    </p>
  );
}

function Added({ attachment, find }: { attachment: Attachment; find: string | undefined }) {
  const text = attachment.text;
  if (typeof text !== 'string') {
    return (
      <p className={styles.quiet}>
        <Bot size={14} aria-hidden /> Added by the agent, not shown to your role.
      </p>
    );
  }
  const tag = /^\s*<([a-zA-Z][\w-]{0,60})[\s>]/.exec(text)?.[1];
  return (
    <Details
      className={styles.added}
      summary={
        <>
          <Bot size={14} aria-hidden /> Added by the agent
          {(attachment.name ?? tag) !== undefined && <code>{plainly(attachment.name ?? tag ?? '')}</code>}
          <span className={styles.faint}>{count(text.length)} characters</span>
        </>
      }
    >
      <SafeText text={text} mono find={find} />
    </Details>
  );
}
