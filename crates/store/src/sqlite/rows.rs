//! An event as a row of its day file, and back.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};
use ursa_model::capture::Channel;
use ursa_model::event::{Event, EventBody};
use ursa_model::ids::{EventId, ID_LEN, SessionId, hash_parts};
use ursa_model::message::Usage;
use ursa_model::time::Timestamp;

use super::coding::{compress, decompress, name_of, pack_witnesses, to_json, unpack_json, unpack_witnesses};
use crate::StoreError;
use crate::record::{EventWrite, channel_bits};

/// What of an event the filters and sums need, by column.
#[derive(Debug, Default, PartialEq)]
struct Columns {
    tool: Option<String>,
    tool_type: Option<String>,
    mcp_server: Option<String>,
    mcp_tool: Option<String>,
    cli_program: Option<String>,
    model: Option<String>,
    request_model: Option<String>,
    purpose: Option<String>,
    is_error: Option<bool>,
    status: Option<String>,
    usage: Tokens,
}

/// [`Usage`] as SQLite's integers.
#[derive(Debug, Default, PartialEq)]
struct Tokens {
    input: Option<i64>,
    output: Option<i64>,
    cache_read: Option<i64>,
    cache_creation: Option<i64>,
    reasoning: Option<i64>,
}

impl Tokens {
    fn of(usage: Usage) -> Self {
        let tokens = |count: Option<u64>| count.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        Self {
            input: tokens(usage.input_tokens),
            output: tokens(usage.output_tokens),
            cache_read: tokens(usage.cache_read_input_tokens),
            cache_creation: tokens(usage.cache_creation_input_tokens),
            reasoning: tokens(usage.reasoning_output_tokens),
        }
    }
}

fn columns(body: &EventBody) -> Columns {
    match body {
        EventBody::Completion { model, purpose, .. } => {
            Columns { model: model.clone(), purpose: name_of(purpose), ..Columns::default() }
        }
        EventBody::ToolCall(call) => Columns {
            tool: Some(call.tool.name.clone()),
            tool_type: name_of(&call.tool.kind),
            mcp_server: call.tool.mcp_server.clone(),
            mcp_tool: call.tool.mcp_tool.clone(),
            cli_program: call.tool.cli.as_ref().map(|cli| cli.program.clone()),
            is_error: call.is_error,
            status: name_of(&call.status),
            ..Columns::default()
        },
        EventBody::ModelCall(call) => Columns {
            model: call.response_model.clone(),
            request_model: call.request_model.clone(),
            purpose: name_of(&call.purpose),
            is_error: Some(call.error.is_some()),
            usage: Tokens::of(call.usage.unwrap_or_default()),
            ..Columns::default()
        },
        // A permission is no call: counts by tool are counts of calls.
        EventBody::Prompt { .. }
        | EventBody::Reasoning { .. }
        | EventBody::SessionStart { .. }
        | EventBody::SessionEnd { .. }
        | EventBody::Permission(_)
        | EventBody::SubagentStart { .. }
        | EventBody::SubagentStop { .. }
        | EventBody::Compaction { .. }
        | EventBody::Error { .. }
        | EventBody::Notice { .. } => Columns::default(),
    }
}

/// Columns that [`columns_hold`] expects, in its order.
pub(super) const DERIVED_COLUMNS: &str = "body, kind, tool, tool_type, mcp_server, mcp_tool, cli_program, model, \
     request_model, purpose, is_error, status, input_tokens, output_tokens, cache_read_input_tokens, \
     cache_creation_input_tokens, reasoning_output_tokens";

/// Whether what filters and sums read of an event is what its body says. Errors if the body cannot be read.
pub(super) fn columns_hold(row: &Row<'_>) -> Result<bool, StoreError> {
    let body: EventBody = unpack_json(row.get_ref(0)?.as_blob().unwrap_or_default())?;
    // A damaged value may be of any type, or no text.
    let found = || -> rusqlite::Result<(String, Columns)> {
        let usage = Tokens {
            input: row.get(12)?,
            output: row.get(13)?,
            cache_read: row.get(14)?,
            cache_creation: row.get(15)?,
            reasoning: row.get(16)?,
        };
        let columns = Columns {
            tool: row.get(2)?,
            tool_type: row.get(3)?,
            mcp_server: row.get(4)?,
            mcp_tool: row.get(5)?,
            cli_program: row.get(6)?,
            model: row.get(7)?,
            request_model: row.get(8)?,
            purpose: row.get(9)?,
            is_error: row.get(10)?,
            status: row.get(11)?,
            usage,
        };
        Ok((row.get(1)?, columns))
    };
    Ok(found().is_ok_and(|(kind, found)| kind == body.kind().as_str() && found == columns(&body)))
}

/// What of an event anybody can see: equal means that its revision stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visible {
    session: SessionId,
    at: i64,
    ordinal: u32,
    kind: String,
    subagent: Option<String>,
    parent: Option<[u8; ID_LEN]>,
    witnesses: Vec<u8>,
    /// As JSON: what it compresses to may differ from one version of zstd to the next.
    body: Vec<u8>,
}

impl Visible {
    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    pub(super) fn of(event: &EventWrite) -> Result<Self, StoreError> {
        Ok(Self {
            session: event.session,
            at: event.at.as_micros(),
            ordinal: event.ordinal,
            kind: event.kind.as_str().to_owned(),
            subagent: event.subagent_id.clone(),
            parent: event.parent.map(|parent| parent.0),
            witnesses: pack_witnesses(&event.witnesses),
            body: to_json(&event.body)?.into_bytes(),
        })
    }
}

/// A stored event, as far as writing it again needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) rev: i64,
    pub(super) born: i64,
    pub(super) visible: Visible,
    n: i64,
    fact: [u8; ID_LEN],
    context: Option<String>,
    search_hash: Option<[u8; ID_LEN]>,
}

/// The stored event of that id, if this file has it.
pub(super) fn stored(db: &Connection, id: EventId) -> Result<Option<Stored>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT rev, born, session, at, ordinal, kind, subagent, parent, witnesses, body, n, fact, context,
                    search_hash FROM events WHERE id = ?",
        )?
        .query_row([id.0], |row| {
            Ok(Stored {
                rev: row.get(0)?,
                born: row.get(1)?,
                visible: Visible {
                    session: SessionId(row.get(2)?),
                    at: row.get(3)?,
                    ordinal: row.get(4)?,
                    kind: row.get(5)?,
                    subagent: row.get(6)?,
                    parent: row.get(7)?,
                    witnesses: row.get(8)?,
                    body: row.get(9)?,
                },
                n: row.get(10)?,
                fact: row.get(11)?,
                context: row.get(12)?,
                search_hash: row.get(13)?,
            })
        })
        .optional()?;
    let Some(mut found) = found else { return Ok(None) };
    found.visible.body = decompress(&found.visible.body)?;
    Ok(Some(found))
}

/// What [`put`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Unchanged,
    Changed,
    Inserted,
}

/// Writes an event. `before` is how it is stored in another day's file from which it moves here; `next_rev` is called
/// when anything visible changed.
pub(super) fn put(
    tx: &Transaction<'_>,
    fact: [u8; ID_LEN],
    event: &EventWrite,
    before: Option<&Stored>,
    next_rev: &mut impl FnMut() -> i64,
    words: &mut Words,
) -> Result<Put, StoreError> {
    let visible = Visible::of(event)?;
    let here = stored(tx, event.id)?;
    let context = event.context.as_ref().map(to_json).transpose()?;
    let search_hash =
        (!event.search.0.is_empty()).then(|| hash_parts("ursa store search text 1", &[event.search.0.as_bytes()]));
    if let Some(here) = &here
        && here.visible == visible
        && (here.fact, &here.context, here.search_hash) == (fact, &context, search_hash)
    {
        return Ok(Put::Unchanged);
    }
    let prior = here.as_ref().or(before);
    let (rev, born, done) = match prior {
        Some(prior) if prior.visible == visible => (prior.rev, prior.born, Put::Unchanged),
        Some(prior) => (next_rev(), prior.born, Put::Changed),
        None => {
            let rev = next_rev();
            (rev, rev, Put::Inserted)
        }
    };
    let n = upsert(tx, fact, event, &visible, (rev, born), context.as_deref(), search_hash)?;
    if here.as_ref().and_then(|here| here.search_hash) != search_hash {
        words.replace(n, here.is_some(), &event.search.0);
    }
    Ok(done)
}

fn upsert(
    tx: &Transaction<'_>,
    fact: [u8; ID_LEN],
    event: &EventWrite,
    visible: &Visible,
    (rev, born): (i64, i64),
    context: Option<&str>,
    search_hash: Option<[u8; ID_LEN]>,
) -> Result<i64, StoreError> {
    let columns = columns(&event.body);
    let channels: Vec<Channel> = event.witnesses.iter().map(|witness| witness.channel).collect();
    let n = tx
        .prepare_cached(
            "INSERT INTO events (id, fact, session, rev, born, at, ordinal, kind, subagent, parent, tool, tool_type,
                 mcp_server, mcp_tool, cli_program, model, request_model, purpose, is_error, status, input_tokens,
                 output_tokens, cache_read_input_tokens, cache_creation_input_tokens, reasoning_output_tokens,
                 channels, search_hash, context, witnesses, body)
             VALUES (:id, :fact, :session, :rev, :born, :at, :ordinal, :kind, :subagent, :parent, :tool, :tool_type,
                 :mcp_server, :mcp_tool, :cli_program, :model, :request_model, :purpose, :is_error, :status, :input,
                 :output, :cache_read, :cache_creation, :reasoning, :channels, :search_hash, :context, :witnesses,
                 :body)
             ON CONFLICT (id) DO UPDATE SET (fact, session, rev, at, ordinal, kind, subagent, parent, tool, tool_type,
                 mcp_server, mcp_tool, cli_program, model, request_model, purpose, is_error, status, input_tokens,
                 output_tokens, cache_read_input_tokens, cache_creation_input_tokens, reasoning_output_tokens,
                 channels, search_hash, context, witnesses, body)
             = (excluded.fact, excluded.session, excluded.rev, excluded.at, excluded.ordinal, excluded.kind,
                 excluded.subagent, excluded.parent, excluded.tool, excluded.tool_type, excluded.mcp_server,
                 excluded.mcp_tool, excluded.cli_program, excluded.model, excluded.request_model, excluded.purpose,
                 excluded.is_error, excluded.status, excluded.input_tokens, excluded.output_tokens,
                 excluded.cache_read_input_tokens, excluded.cache_creation_input_tokens,
                 excluded.reasoning_output_tokens, excluded.channels, excluded.search_hash, excluded.context,
                 excluded.witnesses, excluded.body)
             RETURNING n",
        )?
        .query_row(
            named_params! {
                ":id": event.id.0, ":fact": fact, ":session": visible.session.0, ":rev": rev, ":born": born,
                ":at": visible.at, ":ordinal": visible.ordinal, ":kind": visible.kind, ":subagent": visible.subagent,
                ":parent": visible.parent, ":tool": columns.tool, ":tool_type": columns.tool_type,
                ":mcp_server": columns.mcp_server, ":mcp_tool": columns.mcp_tool,
                ":cli_program": columns.cli_program, ":model": columns.model,
                ":request_model": columns.request_model, ":purpose": columns.purpose, ":is_error": columns.is_error,
                ":status": columns.status, ":input": columns.usage.input,
                ":output": columns.usage.output,
                ":cache_read": columns.usage.cache_read,
                ":cache_creation": columns.usage.cache_creation,
                ":reasoning": columns.usage.reasoning, ":channels": channel_bits(channels),
                ":search_hash": search_hash, ":context": context, ":witnesses": visible.witnesses,
                ":body": compress(&visible.body)?,
            },
            |row| row.get(0),
        )?;
    Ok(n)
}

/// What changes in the full-text index. It is written last: a statement on any other table that may have to be undone
/// makes the index write what it holds in memory, and a transaction would leave a segment an event instead of one.
#[derive(Debug, Default)]
pub(super) struct Words(Vec<(i64, Option<String>)>);

impl Words {
    fn replace(&mut self, n: i64, was_stored: bool, text: &str) {
        if was_stored {
            self.0.push((n, None));
        }
        if !text.is_empty() {
            self.0.push((n, Some(text.to_owned())));
        }
    }

    /// Writes the changes, in their order: a row that went may have given its number to a new one.
    pub(super) fn write(&mut self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        for (n, text) in self.0.drain(..) {
            match text {
                None => tx.prepare_cached("DELETE FROM words WHERE rowid = ?")?.execute([n])?,
                Some(text) => {
                    tx.prepare_cached("INSERT INTO words (rowid, text) VALUES (?, ?)")?.execute(params![n, text])?
                }
            };
        }
        Ok(())
    }
}

/// Removes an event; false if this file does not have it.
pub(super) fn remove(tx: &Transaction<'_>, id: EventId, words: &mut Words) -> Result<bool, StoreError> {
    let removed: Option<i64> = tx
        .prepare_cached("DELETE FROM events WHERE id = ? RETURNING n")?
        .query_row([id.0], |row| row.get(0))
        .optional()?;
    if let Some(n) = removed {
        words.replace(n, true, "");
    }
    Ok(removed.is_some())
}

/// Columns that [`read`] expects, in its order.
pub(super) const EVENT_COLUMNS: &str = "id, rev, session, at, subagent, parent, witnesses, body";

/// An event whose place in its session and whose aliases are yet to be filled in.
pub(super) fn read(row: &Row<'_>) -> Result<Event, StoreError> {
    let witnesses: Vec<u8> = row.get(6)?;
    let body: Vec<u8> = row.get(7)?;
    Ok(Event {
        id: EventId(row.get(0)?),
        rev: row.get::<_, i64>(1)?.unsigned_abs(),
        session_id: SessionId(row.get(2)?),
        seq: 0,
        at: Timestamp::from_micros(row.get(3)?),
        turn: 0,
        parent_event_id: row.get::<_, Option<[u8; ID_LEN]>>(5)?.map(EventId),
        subagent_id: row.get(4)?,
        witnesses: unpack_witnesses(&witnesses)?,
        body: unpack_json(&body)?,
    })
}
