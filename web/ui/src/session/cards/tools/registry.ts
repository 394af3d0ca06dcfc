import type { ToolCallEvent } from '../types';
import { AgentBody } from './AgentBody';
import { CommandBody } from './CommandBody';
import { EditBody, isPatchCommand, PatchBody, patchTitle } from './EditBody';
import { FileBody } from './FileBody';
import { GenericBody } from './GenericBody';
import { PlanBody } from './PlanBody';
import { ScriptBody } from './ScriptBody';
import type { ToolView } from './types';
import { WebBody } from './WebBody';

/** How tools are shown; the first that fits. A new kind of tool is one entry here. */
const VIEWS: ToolView[] = [
  {
    names: ['applypatch', 'patch'],
    fits: (event, args) => event.tool.cli?.program === 'apply_patch' && isPatchCommand(args),
    title: patchTitle,
    Body: PatchBody,
  },
  {
    names: [
      'bash',
      'shell',
      'execcommand',
      'localshell',
      'shellcommand',
      'runshellcommand',
      'runcommand',
      'powershell',
      'terminal',
      'unifiedexec',
      'containerexec',
    ],
    fits: (event) => event.tool.cli !== undefined && event.tool.cli !== null,
    Body: CommandBody,
  },
  {
    names: [
      'edit',
      'multiedit',
      'write',
      'create',
      'notebookedit',
      'strreplaceeditor',
      'strreplacebasededittool',
      'replace',
      'writefile',
      'editfile',
      'createfile',
    ],
    Body: EditBody,
  },
  {
    names: [
      'read',
      'readfile',
      'readmanyfiles',
      'view',
      'grep',
      'rg',
      'glob',
      'ls',
      'list',
      'listdir',
      'listdirectory',
      'grepsearch',
      'searchfilecontent',
      'findfiles',
      'viewimage',
    ],
    Body: FileBody,
  },
  { names: ['todowrite', 'updateplan', 'writetodos', 'updatetodo'], Body: PlanBody },
  { names: ['task', 'agent', 'spawnagent', 'delegate'], Body: AgentBody },
  { names: ['websearch', 'webfetch', 'fetch', 'googlewebsearch', 'websearchpreview'], Body: WebBody },
  {
    names: ['exec'],
    fits: (_, args) => typeof args === 'string' && args.includes('tools.'),
    Body: ScriptBody,
  },
];

const GENERIC: ToolView = { Body: GenericBody };

/** How a call is shown. A tool of an MCP server is its own, whatever it is called. */
export function viewOf(event: ToolCallEvent, args: unknown): ToolView {
  if (event.tool.type === 'mcp') return GENERIC;
  const name = event.tool.name.toLowerCase().replace(/[^a-z0-9]/g, '');
  return VIEWS.find((view) => view.names?.includes(name) || view.fits?.(event, args)) ?? GENERIC;
}
