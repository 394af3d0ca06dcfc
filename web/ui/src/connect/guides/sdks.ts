import type { AgentGuide } from './guide';

export const sdks: AgentGuide = {
  id: 'sdks',
  name: 'SDKs',
  slugs: [
    'anthropic-python',
    'anthropic-node',
    'openai-python',
    'openai-node',
    'google-genai',
    'litellm',
    'langchain',
    'vercel-ai-sdk',
  ],
  recorded: 'part',
  scope:
    'Anthropic Messages, OpenAI Responses and Chat Completions, and the Gemini API are recorded; everything else is forwarded and counted.',
  once: [
    {
      title: 'Without touching the program',
      text: ({ edge }) => `export ANTHROPIC_BASE_URL=${edge}/anthropic
export OPENAI_BASE_URL=${edge}/openai/v1
export GOOGLE_GEMINI_BASE_URL=${edge}/gemini`,
    },
  ],
  permanent: [
    {
      title: 'Python',
      text: ({ edge }) => `Anthropic(base_url="${edge}/anthropic")
OpenAI(base_url="${edge}/openai/v1")`,
    },
    {
      title: 'TypeScript and JavaScript',
      text: ({ edge }) => `new Anthropic({ baseURL: "${edge}/anthropic" });
new OpenAI({ baseURL: "${edge}/openai/v1" });`,
    },
  ],
  header: [
    {
      title: 'Python',
      text: ({ open, key }) =>
        `Anthropic(base_url="${open}/anthropic", default_headers={"x-ursa-key": "${key}"})`,
    },
    {
      title: 'TypeScript and JavaScript',
      text: ({ open, key }) =>
        `new Anthropic({ baseURL: "${open}/anthropic", defaultHeaders: { "x-ursa-key": "${key}" } });`,
    },
  ],
  check:
    'curl "$ANTHROPIC_BASE_URL/v1/messages" -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2023-06-01" -H "content-type: application/json" -d \'{"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"say hi"}]}\'',
  notes: [
    'Only the address for OpenAI ends in /v1; the other SDKs add the version themselves.',
    'A base URL in the program wins over the variable.',
    'Who is calling can be told in the headers x-ursa-user and x-ursa-device. They are not sent on.',
  ],
};
