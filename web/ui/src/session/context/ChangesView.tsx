import { useMemo, useState } from 'react';
import { count } from '~/app/time';
import { EditDiff } from '~/content/Diff';
import { changesBetween } from './changes';
import styles from './context.module.css';
import { MessageList } from './MessageList';
import { Section, Tools } from './RequestView';
import type { ModelRequest } from './request';

/** What changed between two calls of one lane. */
export function ChangesView(props: { before: ModelRequest; after: ModelRequest; find: string | undefined }) {
  const { before, after, find } = props;
  const changes = useMemo(() => changesBetween(before, after), [before, after]);
  const [showSame, setShowSame] = useState(false);
  const { tools } = changes;
  const toolCount = tools.added.length + tools.removed.length + tools.changed.length;
  return (
    <>
      <Section
        title="System"
        told={changes.system ? 'changed' : 'unchanged'}
        start={changes.system !== undefined}
      >
        {changes.system ? <EditDiff path="system prompt" {...changes.system} find={find} /> : <Same />}
      </Section>
      <Section
        title="Tools"
        told={toolCount === 0 ? 'unchanged' : `${count(toolCount)} changed`}
        start={toolCount > 0}
      >
        {toolCount === 0 && <Same />}
        {tools.added.length > 0 && <p className={styles.label}>Added</p>}
        <Tools tools={tools.added} find={find} />
        {tools.removed.length > 0 && <p className={styles.label}>Taken out</p>}
        <Tools tools={tools.removed} find={find} />
        {tools.changed.map((tool) => (
          <EditDiff key={tool.name} path={tool.name} before={tool.before} after={tool.after} find={find} />
        ))}
      </Section>
      <Section
        title="Messages"
        told={`${count(changes.added.length)} added, ${count(changes.gone.length)} gone`}
        start
      >
        {changes.same.length > 0 && (
          <button
            type="button"
            className={styles.same}
            aria-expanded={showSame}
            onClick={() => setShowSame(!showSame)}
          >
            {count(changes.same.length)} {changes.same.length === 1 ? 'message' : 'messages'} unchanged
          </button>
        )}
        {showSame && <MessageList messages={changes.same} open={0} find={find} />}
        {changes.gone.length > 0 && (
          <div className={styles.gone}>
            <p className={styles.label}>− In the previous request, no longer in this one</p>
            <MessageList messages={changes.gone} open={0} find={find} />
          </div>
        )}
        {changes.added.length > 0 && (
          <div className={styles.new}>
            <p className={styles.label}>+ New in this request</p>
            <MessageList messages={changes.added} open={20} find={find} />
          </div>
        )}
      </Section>
      <Section
        title="Parameters"
        told={changes.params ? 'changed' : 'unchanged'}
        start={changes.params !== undefined}
      >
        {changes.params ? <EditDiff path="params" {...changes.params} find={find} /> : <Same />}
      </Section>
    </>
  );
}

function Same() {
  return <p className={styles.quiet}>The same as in the previous request.</p>;
}
