import { type ReactNode, useMemo } from 'react';
import { count } from '~/app/time';
import { CodeBlock } from '~/content/CodeBlock';
import { JsonView } from '~/content/JsonView';
import { SafeInline } from '~/content/SafeText';
import styles from './context.module.css';
import { MessageList } from './MessageList';
import type { ModelRequest, RequestMessage, RequestTool } from './request';

/** Messages that are open at first. */
const OPEN = 3;

/** The whole request. */
export function RequestView({ request, find }: { request: ModelRequest; find: string | undefined }) {
  const found = useMemo(() => matching(request.messages, find), [request.messages, find]);
  return (
    <>
      <Section
        title="System"
        told={request.system === '' ? 'none' : `${count(request.system.length)} characters`}
        start={find !== undefined}
      >
        {request.system !== '' && <CodeBlock text={request.system} label="system prompt" find={find} />}
      </Section>
      <Section title="Tools" told={count(request.tools.length)}>
        {request.tools.length > 0 && <Tools tools={request.tools} find={find} />}
      </Section>
      <Section
        title="Messages"
        told={
          find === undefined
            ? count(request.messages.length)
            : `${count(found.length)} of ${count(request.messages.length)} match`
        }
        start
      >
        {/* A search opens what it finds: the list begins anew with each. */}
        <MessageList key={find ?? ''} messages={found} open={find === undefined ? OPEN : 20} find={find} />
      </Section>
      <Section title="Parameters" told="">
        <JsonView value={request.params ?? null} label="params" find={find} />
      </Section>
    </>
  );
}

/** The messages that hold all words looked for. */
function matching(messages: RequestMessage[], find: string | undefined): RequestMessage[] {
  const words =
    find
      ?.toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '') ?? [];
  if (words.length === 0) return messages;
  return messages.filter((message) => {
    const text = message.identity.toLowerCase();
    return words.every((word) => text.includes(JSON.stringify(word).slice(1, -1)));
  });
}

export function Section(props: { title: string; told: string; start?: boolean; children: ReactNode }) {
  return (
    <details className={styles.section} open={props.start ?? false}>
      <summary>
        <h3>{props.title}</h3> <span className={styles.quiet}>{props.told}</span>
      </summary>
      {props.children}
    </details>
  );
}

export function Tools({ tools, find }: { tools: RequestTool[]; find: string | undefined }) {
  return (
    <ul className={styles.toolList}>
      {tools.map((tool, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a request may name a tool twice.
        <li key={at}>
          <details className={styles.tool}>
            <summary>
              <code>
                <SafeInline text={tool.name} find={find} />
              </code>
              <span className={styles.preview}>
                <SafeInline text={tool.description.slice(0, 160)} find={find} />
              </span>
            </summary>
            <JsonView value={tool.raw} label="as sent" find={find} />
          </details>
        </li>
      ))}
    </ul>
  );
}
