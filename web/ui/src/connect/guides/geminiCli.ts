import type { AgentGuide } from './guide';

const geminiSettings = `{
  "security": {
    "auth": {
      "selectedType": "gemini-api-key"
    }
  }
}`;

export const geminiCli: AgentGuide = {
  id: 'gemini-cli',
  name: 'Gemini CLI',
  slugs: ['gemini-cli'],
  recorded: 'yes',
  scope: 'Everything it says to its model: prompts, completions, thoughts, tool calls.',
  once: [
    {
      title: 'In ~/.gemini/settings.json, so that it uses an API key',
      text: () => geminiSettings,
    },
    {
      title: 'Then start it with',
      text: ({ edge }) => `GEMINI_API_KEY=your-key GOOGLE_GEMINI_BASE_URL=${edge}/gemini gemini`,
    },
  ],
  permanent: [
    {
      title: 'In the shell’s profile, such as ~/.profile',
      text: ({ edge }) => `export GEMINI_API_KEY=your-key
export GOOGLE_GEMINI_BASE_URL=${edge}/gemini`,
    },
    {
      title: 'In ~/.gemini/settings.json, so that it uses an API key',
      text: () => geminiSettings,
    },
  ],
  header: [
    {
      title: 'In the shell’s profile',
      text: ({ open, key }) => `export GOOGLE_GEMINI_BASE_URL=${open}/gemini
export GEMINI_CLI_CUSTOM_HEADERS="x-ursa-key:${key}"`,
    },
  ],
  check: 'gemini -p "say hi"',
  notes: [
    'Signed in with Google it does not use this address: it takes an API key.',
    '“Invalid auth method selected.” means that the settings file above is missing.',
    'A .env file in the project hides ~/.gemini/.env: the shell’s profile is safer.',
  ],
};
