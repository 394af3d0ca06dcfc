import type { AgentGuide } from './guide';

export const claudeCode: AgentGuide = {
  id: 'claude-code',
  name: 'Claude Code',
  slugs: ['claude-code'],
  recorded: 'yes',
  scope: 'Everything it says to its model: prompts, completions, reasoning, tool calls, subagents.',
  once: [{ title: 'Start it with', text: ({ edge }) => `ANTHROPIC_BASE_URL=${edge}/anthropic claude` }],
  permanent: [
    {
      title: 'In ~/.claude/settings.json, beside what is there',
      text: ({ edge }) => `{
  "env": {
    "ANTHROPIC_BASE_URL": "${edge}/anthropic"
  }
}`,
    },
  ],
  header: [
    {
      title: 'In ~/.claude/settings.json',
      text: ({ open, key }) => `{
  "env": {
    "ANTHROPIC_BASE_URL": "${open}/anthropic",
    "ANTHROPIC_CUSTOM_HEADERS": "x-ursa-key: ${key}"
  }
}`,
    },
  ],
  check: 'claude -p "say hi"',
  notes: [
    'No /v1 at the end. Your login stays as it is, a subscription or an API key.',
    'A settings file that has ANTHROPIC_BASE_URL already wins over the line in the shell.',
    'With Bedrock or Vertex it does not use this address.',
    'For all users of a Linux machine: the same in /etc/claude-code/managed-settings.json.',
  ],
};
