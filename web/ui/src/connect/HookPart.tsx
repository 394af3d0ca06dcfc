import { CircleCheck } from 'lucide-react';
import { useId, useState } from 'react';
import { CopyBlock } from './CopyBlock';
import styles from './connect.module.css';
import { enrolLine, HOOK_AGENTS } from './hooks';

/** How a device's agents are recorded by their hooks; lights up as the first of them tells something. */
export function HookPart(props: {
  /** Names of the agents whose hooks were heard. */
  heard: ReadonlySet<string>;
  /** A hook was heard, of whichever agent. */
  some: boolean;
  /** The server takes nothing from other machines. */
  localOnly: boolean;
}) {
  const { heard, some, localOnly } = props;
  const [token, setToken] = useState('');
  const heading = useId();
  const field = useId();
  return (
    <section className={styles.hooks} id="hooks" aria-labelledby={heading} data-lit={some ? '' : undefined}>
      <h2 id={heading}>On a device: hooks</h2>
      <p className={styles.scope}>
        Agents also tell what they do to hooks, and the small program <code>ursa-endpoint</code> on the device
        delivers that. Hooks see what the edge does not: a session’s start and end, permissions, subagents,
        compactions, and agents whose base address cannot be set, such as Cursor. They see no model calls and
        no tokens. With both, each fact is there once.
      </p>
      <ul className={styles.agents} aria-label="Agents with hooks">
        {HOOK_AGENTS.map(({ name }) => (
          <li key={name} data-heard={heard.has(name) ? '' : undefined}>
            {heard.has(name) && <CircleCheck size={14} role="img" aria-label="heard:" />}
            {name}
          </li>
        ))}
      </ul>
      <CopyBlock
        title="On the server’s machine: makes a token for one device, shown once"
        text="ursa enroll-token create"
      />
      <div className={styles.where}>
        <label htmlFor={field}>Token, to fill in below</label>
        <input
          id={field}
          className="field"
          value={token}
          onChange={(event) => setToken(event.target.value)}
          autoComplete="off"
          spellCheck={false}
        />
        <small className={styles.keyNote}>It stays in this page and is not kept.</small>
      </div>
      <CopyBlock title="On the device: makes it known" text={enrolLine(location.origin, token)} />
      <CopyBlock title="On the device: puts the hooks in" text="ursa-endpoint install" />
      <ul className={styles.notes}>
        <li>
          <code>ursa-endpoint install --dry-run</code> shows what would change;{' '}
          <code>ursa-endpoint uninstall</code> takes it out again. Agents that run already see it when they
          start anew.
        </li>
        <li>Codex runs hooks only once its user has trusted them: in /hooks, or with --trust-codex-hooks.</li>
        {localOnly && (
          <li>
            This server takes nothing from other machines yet: start it with --listen for devices elsewhere.
          </li>
        )}
      </ul>
      <p className={some ? styles.heard : styles.waiting} role="status">
        {some && <CircleCheck size={16} aria-hidden />}
        {some ? 'Hooks arrive' : 'Waiting for the first hook…'}
      </p>
    </section>
  );
}
