import { Tabs } from '@base-ui/react/tabs';
import { CircleCheck } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useMe } from '~/app/me';
import { AgentPanel } from './AgentPanel';
import { AGENTS, placeOf } from './agents';
import styles from './connect.module.css';
import { HookPart } from './HookPart';
import { heard, isLoopback } from './hooks';
import { KeyPart } from './KeyPart';
import { LivePanel } from './LivePanel';
import { useArrivals } from './useArrivals';

/** How agents are pointed at this server; lights up as their first sessions arrive. */
export function ConnectPage() {
  const me = useMe().data;
  const { arrived, connected, hooked, failed } = useArrivals();
  // On the server's own machine no key is needed, even where others are let in.
  const [elsewhere, setElsewhere] = useState(!isLoopback(location.hostname));
  const [key, setKey] = useState('');
  const keyNeeded = me?.loopback_only === false && elsewhere;
  const place = placeOf(location.origin, keyNeeded ? key : undefined);
  useEffect(() => {
    document.title = 'Connect an agent · Ursa';
  }, []);
  return (
    <div className={styles.page}>
      <header className={styles.intro}>
        <h1>Connect an agent</h1>
        <p>
          An agent is recorded when its base address is this server instead of the model’s. Nothing else
          changes: it keeps its own login and its own models, and what passes is not altered. Its{' '}
          <a href="#hooks">hooks on the device</a> tell more.
        </p>
      </header>
      {me?.loopback_only === false && (
        <KeyPart elsewhere={elsewhere} onElsewhere={setElsewhere} value={key} onValue={setKey} />
      )}
      <Tabs.Root defaultValue={AGENTS[0]?.id} className={styles.tabs}>
        <Tabs.List className={styles.tabList} aria-label="Agents">
          {AGENTS.map((agent) => (
            <Tabs.Tab key={agent.id} value={agent.id} className={styles.tab}>
              {agent.name}
              {connected.has(agent.id) && (
                <CircleCheck size={14} className={styles.check} role="img" aria-label="has sessions" />
              )}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {AGENTS.map((agent) => (
          <Tabs.Panel key={agent.id} value={agent.id} className={styles.panel}>
            <AgentPanel agent={agent} place={place} withKey={keyNeeded} />
          </Tabs.Panel>
        ))}
      </Tabs.Root>
      <HookPart heard={heard(hooked)} some={hooked.length > 0} localOnly={me?.loopback_only !== false} />
      <LivePanel arrived={arrived} some={connected.size > 0} failed={failed} />
    </div>
  );
}
