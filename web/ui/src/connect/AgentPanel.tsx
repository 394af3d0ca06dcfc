import { CopyBlock } from './CopyBlock';
import styles from './connect.module.css';
import type { AgentGuide, Place, Recorded, Snippet } from './guides/guide';

const RECORDED: Record<Recorded, string> = {
  yes: 'Recorded',
  part: 'Recorded in part',
};

/** How one agent is set up. */
export function AgentPanel({ agent, place, withKey }: { agent: AgentGuide; place: Place; withKey: boolean }) {
  return (
    <div className={styles.guide}>
      <p className={styles.scope}>
        <span className={styles.badge} data-recorded={agent.recorded}>
          {RECORDED[agent.recorded]}
        </span>
        {agent.scope}
      </p>
      <Part title="Once" note="For this run only." snippets={agent.once} place={place} />
      <Part title="For good" note="Until you take it out again." snippets={agent.permanent} place={place} />
      {withKey && (
        <Part
          title="The key in a header instead"
          note="Agents print addresses in their errors, and with them a key in the path."
          snippets={agent.header}
          place={place}
        />
      )}
      <section className={styles.part}>
        <h2>Try it</h2>
        <CopyBlock title="A first prompt" text={agent.check} />
      </section>
      <section className={styles.part}>
        <h2>Mind</h2>
        <ul className={styles.notes}>
          {agent.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
          <li>
            With HTTP_PROXY or HTTPS_PROXY set, most agents go through that proxy even to this server. Set
            NO_PROXY=127.0.0.1,localhost, or this server’s name.
          </li>
        </ul>
      </section>
    </div>
  );
}

function Part(props: { title: string; note: string; snippets: readonly Snippet[]; place: Place }) {
  return (
    <section className={styles.part}>
      <h2>
        {props.title} <small className={styles.partNote}>{props.note}</small>
      </h2>
      {props.snippets.map((snippet) => (
        <CopyBlock key={snippet.title} title={snippet.title} text={snippet.text(props.place)} />
      ))}
    </section>
  );
}
