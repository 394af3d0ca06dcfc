import { ChevronRight, CircleAlert, CircleCheck, CircleSlash, LoaderCircle } from 'lucide-react';
import { useMemo } from 'react';
import type { OutlineItem, ToolStatus } from '~/api/types';
import { clockTime, duration } from '~/app/time';
import { Details } from '~/content/Details';
import { EditDiff } from '~/content/Diff';
import { JsonView } from '~/content/JsonView';
import { jsonText } from '~/content/json';
import { SafeInline } from '~/content/SafeText';
import { readTitle } from '../model/patchTitle';
import { type Decided, PermissionChip } from './AroundCards';
import { permissionSentence } from './aroundWords';
import { badgeOf } from './badge';
import { ClippedRest } from './ClippedRest';
import { argumentsOf, ranWith } from './callArguments';
import styles from './cards.module.css';
import { useWhole } from './load';
import { commandOutcome } from './outcome';
import { Hidden, Placeholder, type TextCardProps } from './TextCards';
import { viewOf } from './tools/registry';
import type { ToolCallEvent } from './types';

/** Of an event that was loaded while its session ran, the outline knows more once that has ended. */
function statusOf(item: OutlineItem, event: ToolCallEvent | undefined): ToolStatus | undefined {
  return item.status === 'unknown' ? item.status : (event?.status ?? item.status);
}

/** A tool call: what was asked, what ran and what came of it. */
export function ToolCard(
  props: TextCardProps<'tool_call'> & {
    /** What was asked for it. */
    permission?: OutlineItem | undefined;
  },
) {
  const { item, event, permission, expanded, onToggle, find } = props;
  return (
    <div className={styles.tool} data-status={item.status}>
      <button type="button" className={styles.toolHead} aria-expanded={expanded} onClick={onToggle}>
        <ChevronRight size={14} aria-hidden className={styles.arrow} />
        <Head item={item} event={event} permission={permission} find={find} />
      </button>
      {expanded && (
        <div className={styles.toolBody}>
          {permission && <Permitted permission={permission} status={statusOf(item, event)} />}
          {event ? <BodyOrWhy item={item} event={event} find={find} /> : <Placeholder item={item} />}
        </div>
      )}
    </div>
  );
}

function BodyOrWhy(props: { item: OutlineItem; event: ToolCallEvent; find: string | undefined }) {
  const { item, event, find } = props;
  const parts = [event.arguments, event.executed_arguments, event.result, event.detail];
  if (item.chars > 0 && parts.every((part) => part === undefined || part === null)) {
    return <Hidden shown={false}>Not recorded.</Hidden>;
  }
  return <Body sent={event} find={find} />;
}

function Permitted({ permission, status }: Decided) {
  return (
    <p className={styles.quiet}>
      {permissionSentence(permission.decision ?? 'asked', status)} At {clockTime(permission.at)}.
    </p>
  );
}

function Head(props: {
  item: OutlineItem;
  event: ToolCallEvent | undefined;
  permission: OutlineItem | undefined;
  find: string | undefined;
}) {
  const { item, event, permission, find } = props;
  const tool = item.tool;
  const badge = tool && badgeOf(tool);
  const title = useMemo(() => titleOf(item, event), [item, event]);
  const exitCode = useMemo(() => (event ? exitCodeOf(event) : undefined), [event]);
  return (
    <>
      <span className={styles.toolName}>
        <SafeInline text={tool?.mcp_tool ?? tool?.name ?? 'tool'} find={find} />
      </span>
      {badge && (
        <span className={styles.badge} data-tone={badge.tone}>
          <badge.Icon size={13} aria-hidden />
          <SafeInline text={badge.word} />
        </span>
      )}
      <span className={styles.oneLine}>
        <SafeInline text={title} find={find} />
      </span>
      <span className={styles.ends}>
        {exitCode !== undefined && (
          <span className={exitCode === 0 ? styles.exitOk : styles.exitBad} title="Exit code of the command">
            exit {exitCode}
          </span>
        )}
        {permission && <PermissionChip permission={permission} status={statusOf(item, event)} />}
        {!(permission?.decision === 'denied' && item.status === 'denied') && (
          <Status status={statusOf(item, event)} isError={event?.is_error ?? item.is_error} />
        )}
        {typeof item.duration_ms === 'number' && (
          <span className={styles.faint}>{duration(item.duration_ms)}</span>
        )}
      </span>
    </>
  );
}

function titleOf(item: OutlineItem, event: ToolCallEvent | undefined): string {
  const args = event && ranWith(event).args;
  return (event && viewOf(event, args).title?.(event, args)) ?? readTitle(item.title);
}

/** The exit code, where the call runs commands: other tools' results may speak of codes that are not theirs. */
function exitCodeOf(event: ToolCallEvent): number | undefined {
  const runs = event.tool.cli || /^(exec|apply_patch|.*(bash|shell)|write_stdin)$/i.test(event.tool.name);
  return runs ? commandOutcome(event.result).exitCode : undefined;
}

const STATUSES: Record<ToolStatus, { word: string; Icon: typeof CircleCheck; tone: string } | undefined> = {
  completed: undefined,
  failed: { word: 'failed', Icon: CircleAlert, tone: 'bad' },
  denied: { word: 'denied', Icon: CircleSlash, tone: 'bad' },
  running: { word: 'running', Icon: LoaderCircle, tone: 'quiet' },
  requested: { word: 'no result yet', Icon: LoaderCircle, tone: 'quiet' },
  unknown: { word: 'outcome not known', Icon: CircleSlash, tone: 'quiet' },
};

function Status({
  status,
  isError,
}: {
  status: ToolStatus | undefined;
  isError: boolean | null | undefined;
}) {
  const told = STATUSES[status ?? 'unknown'] ?? (isError ? STATUSES.failed : undefined);
  if (!told) return <CircleCheck size={14} className={styles.done} role="img" aria-label="completed" />;
  return (
    <span className={styles.status} data-tone={told.tone}>
      <told.Icon size={14} aria-hidden /> {told.word}
    </span>
  );
}

function Body({ sent, find }: { sent: ToolCallEvent; find: string | undefined }) {
  const whole = useWhole(sent);
  const event = whole.event.kind === 'tool_call' ? whole.event : sent;
  const { args, changed } = useMemo(() => ranWith(event), [event]);
  const View = viewOf(event, args).Body;
  return (
    <>
      {changed && (
        <div className={styles.changed}>
          <p>Ran with other arguments than the model asked for:</p>
          <EditDiff
            path="arguments"
            before={jsonText(argumentsOf(event.arguments))}
            after={jsonText(args)}
            find={find}
          />
        </div>
      )}
      <View event={event} args={args} find={find} load={whole.load} />
      {event.detail !== undefined && event.detail !== null && (
        <Details className={styles.detail} summary="The tool's own structured response">
          <JsonView value={event.detail} label="detail" find={find} />
        </Details>
      )}
      <ClippedRest event={event} whole={whole} />
      {event.spawned_subagent_id && (
        <p className={styles.quiet}>
          Started subagent <SafeInline text={event.spawned_subagent_id} />
        </p>
      )}
    </>
  );
}
