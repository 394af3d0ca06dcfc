//! What each role sees of the record: the one place where content is taken out.

use serde::Serialize;
use ursa_model::event::{Attachment, Event, EventBody, ToolCallBody, ToolStatus};
use ursa_model::outline::OutlineItem;
use ursa_model::session::{Session, SessionStatus};
use ursa_store::Page;

use crate::auth::Caller;

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct List<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// Give this as `cursor` for the next page; `null` at the end.
    pub(crate) next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A store's page, each item changed by `show`.
    pub(crate) fn of<S>(page: Page<S>, show: impl FnMut(S) -> T) -> Self {
        Self { items: page.items.into_iter().map(show).collect(), next_cursor: page.next_cursor }
    }
}

/// The session, as the caller may see it. A title is content: it is made from a prompt.
pub(crate) fn session(caller: &Caller, mut session: Session) -> Session {
    if !caller.reads_content() {
        session.title = None;
    }
    session
}

/// What becomes of tool calls when a session ends. Hooks tell that a call starts; that its user refused it, or ended the
/// agent, no hook tells. It does not run any more then, and how it went is not known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled(bool);

impl Settled {
    /// By the session's status.
    pub(crate) fn of(session: &Session) -> Self {
        Self(session.status == SessionStatus::Ended)
    }

    /// An event of that session.
    pub(crate) fn event(self, mut event: Event) -> Event {
        if let EventBody::ToolCall(call) = &mut event.body {
            call.status = self.status(call.status);
        }
        event
    }

    /// A line of its outline.
    pub(crate) fn outline(self, mut item: OutlineItem) -> OutlineItem {
        item.status = item.status.map(|status| self.status(status));
        item
    }

    fn status(self, told: ToolStatus) -> ToolStatus {
        if self.0 && told == ToolStatus::Running { ToolStatus::Unknown } else { told }
    }
}

/// The line of an event, as the caller may see it.
pub(crate) fn outline(caller: &Caller, mut item: OutlineItem) -> OutlineItem {
    if !caller.reads_content() {
        item.title = String::new();
    }
    item
}

/// The event, as the caller may see it.
pub(crate) fn event(caller: &Caller, mut event: Event) -> Event {
    if !caller.reads_content() {
        empty(&mut event.body);
    }
    event
}

fn empty(body: &mut EventBody) {
    match body {
        EventBody::Prompt { text, attachments } => {
            text.clear();
            attachments.iter_mut().for_each(empty_attachment);
        }
        EventBody::Completion { text, .. } | EventBody::Reasoning { text } => text.clear(),
        EventBody::ToolCall(call) => empty_tool_call(call),
        EventBody::ModelCall(call) => {
            // A provider's message may quote the prompt; the type does not.
            if let Some(error) = &mut call.error {
                error.message.clear();
            }
        }
        EventBody::Permission(asked) => {
            (asked.arguments, asked.reason) = (None, None);
            if let Some(cli) = &mut asked.tool.cli {
                cli.argv.clear();
            }
        }
        EventBody::Error { message, .. } | EventBody::Notice { message, .. } => message.clear(),
        EventBody::SessionStart { .. }
        | EventBody::SessionEnd { .. }
        | EventBody::SubagentStart { .. }
        | EventBody::SubagentStop { .. }
        | EventBody::Compaction { .. } => {}
    }
}

fn empty_attachment(attachment: &mut Attachment) {
    attachment.text = None;
    attachment.name = None;
    attachment.reference = None;
}

fn empty_tool_call(call: &mut ToolCallBody) {
    call.arguments = None;
    call.executed_arguments = None;
    call.result = None;
    call.detail = None;
    if let Some(cli) = &mut call.tool.cli {
        cli.argv.clear();
    }
}
