//! What an event tells, in words that no agent owns.

use serde_json::Value;
use ursa_model::event::{EventKind, PermissionDecision, ToolStatus};
use ursa_model::message::{Purpose, Tool};

/// When a hook was told of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before it ran.
    Before,
    /// After it ran.
    After,
    /// When its result went to the model.
    Batch,
}

/// One fact.
#[derive(Debug, Clone, PartialEq)]
pub struct HookFact {
    /// Set inside a subagent.
    pub subagent: Option<String>,
    /// What tells this sighting apart from others of the same: an id or a time of the agent's own. `None` leaves it to
    /// the turn, and without one to the time of the capture.
    pub own: Option<String>,
    /// What it is.
    pub told: Told,
}

/// See [`HookFact::told`].
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// What the user asked, or what a subagent was told to do.
    Prompt {
        /// The author's words.
        text: String,
    },
    /// What the model said.
    Said {
        /// The text.
        text: String,
        /// What for.
        purpose: Purpose,
    },
    /// What the model thought.
    Thought {
        /// The text.
        text: String,
    },
    /// A tool call.
    Call(Box<HookCall>),
    /// A permission was asked or decided.
    Permission {
        /// The tool.
        tool: Tool,
        /// Its arguments.
        arguments: Value,
        /// The call's id, if told.
        call_id: Option<String>,
        /// How it was decided.
        decision: PermissionDecision,
        /// Why, if told.
        reason: Option<String>,
    },
    /// What the kind alone tells.
    Happened {
        /// The kind.
        kind: EventKind,
        /// The agent's own word for it.
        word: Option<String>,
        /// For a person.
        message: String,
    },
    /// The subagent is called by another name on the wire.
    Alias {
        /// The name in hooks.
        hook: String,
        /// The name on the wire.
        wire: String,
    },
    /// A subagent whose name on the wire no event tells: it is the one there that was given the same task.
    Task {
        /// Its name in hooks.
        hook: String,
        /// The task.
        text: String,
    },
}

/// See [`Told::Call`].
#[derive(Debug, Clone, PartialEq)]
pub struct HookCall {
    /// When it was told.
    pub stage: Stage,
    /// Which tool.
    pub tool: Tool,
    /// The name of the tool as the hook told it.
    pub told_name: String,
    /// The provider's call id; empty where the agent tells none.
    pub call_id: String,
    /// Arguments.
    pub arguments: Option<Value>,
    /// What the model was given, where the hook tells that.
    pub result: Option<Value>,
    /// The tool's own response.
    pub detail: Option<Value>,
    /// Whether it failed; `None` before it ran.
    pub is_error: Option<bool>,
    /// How far it got.
    pub status: ToolStatus,
    /// The subagent that it started.
    pub spawned: Option<String>,
    /// True when it is one of several tellings of the same stage, beside the agent's general one.
    pub beside: bool,
}
