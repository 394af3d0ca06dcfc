export type { OutlineItem } from './outline-until-generated';
export type {
  Attachment,
  Channel,
  Event,
  EventBody,
  Gap,
  ModelCallBody,
  Session,
  SessionStatus,
  Tool,
  ToolCallBody,
  ToolStatus,
  Usage,
  Witness,
} from './schema';
