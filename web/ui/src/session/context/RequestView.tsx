import { Fragment, type ReactNode, useMemo } from 'react';
import { count } from '~/app/time';
import { CodeBlock } from '~/content/CodeBlock';
import { Details } from '~/content/Details';
import { JsonView } from '~/content/JsonView';
import { jsonText } from '~/content/json';
import { SafeInline } from '~/content/SafeText';
import styles from './context.module.css';
import { MessageList } from './MessageList';
import { identityOf, type ModelRequest, type RequestTool } from './request';

/** Messages that are open at first. */
const OPEN = 3;
/** Messages with the words looked for that are open at first. */
const OPEN_FOUND = 20;

/** The whole request. */
export function RequestView({ request, find }: { request: ModelRequest; find: string | undefined }) {
  const { system } = request;
  const messages = useMemo(() => matching(request.messages, identityOf, find), [request.messages, find]);
  const tools = useMemo(
    () => matching(request.tools, (tool) => jsonText(tool.raw), find),
    [request.tools, find],
  );
  const inSystem = find !== undefined && matching([system], jsonText, find).length > 0;
  // A search opens what it finds: each one begins with sections and lists of its own.
  return (
    <Fragment key={find ?? ''}>
      <Section
        title="System"
        told={system === '' ? 'none' : inSystem ? 'matches' : `${count(system.length)} characters`}
        start={inSystem}
      >
        {system !== '' && <CodeBlock text={system} label="system prompt" find={find} />}
      </Section>
      <Section title="Tools" told={found(tools, request.tools, find)}>
        <Tools tools={tools} find={find} />
      </Section>
      <Section title="Messages" told={found(messages, request.messages, find)} start>
        <MessageList messages={messages} open={find === undefined ? OPEN : OPEN_FOUND} find={find} />
      </Section>
      <Section title="Parameters" told="">
        <JsonView value={request.params ?? null} label="params" find={find} />
      </Section>
    </Fragment>
  );
}

function found(some: unknown[], all: unknown[], find: string | undefined): string {
  return find === undefined ? count(all.length) : `${count(some.length)} of ${count(all.length)} match`;
}

/** Those that hold all words looked for, somewhere in their JSON text. */
function matching<T>(list: T[], text: (entry: T) => string, find: string | undefined): T[] {
  const words =
    find
      ?.toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '') ?? [];
  if (words.length === 0) return list;
  const written = words.map((word) => JSON.stringify(word).slice(1, -1));
  return list.filter((entry) => {
    const held = text(entry).toLowerCase();
    return written.every((word) => held.includes(word));
  });
}

export function Section(props: { title: string; told: string; start?: boolean; children: ReactNode }) {
  return (
    <Details
      className={styles.section}
      start={props.start ?? false}
      summary={
        <>
          <h3>{props.title}</h3> <span className={styles.quiet}>{props.told}</span>
        </>
      }
    >
      {props.children}
    </Details>
  );
}

export function Tools({ tools, find }: { tools: RequestTool[]; find: string | undefined }) {
  return (
    <ul className={styles.toolList}>
      {tools.map((tool, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a request may name a tool twice.
        <li key={at}>
          <Details
            className={styles.tool}
            summary={
              <>
                <code>
                  <SafeInline text={tool.name} find={find} />
                </code>
                <span className={styles.preview}>
                  <SafeInline text={tool.description.slice(0, 160)} find={find} />
                </span>
              </>
            }
          >
            <JsonView value={tool.raw} label="as sent" find={find} />
          </Details>
        </li>
      ))}
    </ul>
  );
}
