export type {
  Attachment,
  Channel,
  Clipped,
  ClippedEvent,
  Event,
  OutlineItem,
  Session,
  SessionStatus,
  Tool,
  ToolCallBody,
  ToolStatus,
  Usage,
} from './schema';
