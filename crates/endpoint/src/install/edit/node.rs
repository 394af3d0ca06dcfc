//! A syntax tree with places, of JSON and of TOML's inline values alike.

use std::ops::Range;

use serde_json::{Map, Value};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Scalar(Value),
}

/// A member of an object: key, sign between and value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) range: Range<usize>,
    /// More than one with TOML's dotted keys.
    pub(super) keys: Vec<String>,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn members(&self) -> Option<&[Member]> {
        if let Kind::Object(members) = &self.kind { Some(members) } else { None }
    }

    pub(super) fn elements(&self) -> Option<&[Node]> {
        if let Kind::Array(elements) = &self.kind { Some(elements) } else { None }
    }

    /// The member of that name that counts: the last.
    pub(super) fn member(&self, key: &str) -> Option<&Member> {
        self.members()?.iter().rev().find(|member| matches!(member.keys.as_slice(), [only] if only == key))
    }

    /// The value at the end of the path.
    pub(super) fn at(&self, path: &[String]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.member(key).map(|member| &member.node))
    }

    /// The last member whose keys begin the path, and its place in the list.
    pub(super) fn towards(&self, path: &[String]) -> Option<(usize, &Member)> {
        self.members()?.iter().enumerate().rev().find(|(_, member)| path.starts_with(&member.keys))
    }

    /// True for an object or a list without anything in it.
    pub(super) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Object(members) => members.is_empty(),
            Kind::Array(elements) => elements.is_empty(),
            Kind::Scalar(_) => false,
        }
    }

    /// What it means. Of members of one name the last counts.
    pub(super) fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::Array(elements) => Value::Array(elements.iter().map(Self::value).collect()),
            Kind::Object(members) => {
                let mut map = Map::new();
                for member in members {
                    put(&mut map, &member.keys, member.node.value());
                }
                Value::Object(map)
            }
        }
    }
}

/// Puts a value at the end of a path of keys.
fn put(map: &mut Map<String, Value>, keys: &[String], value: Value) {
    match keys {
        [] => {}
        [key] => {
            map.insert(key.clone(), value);
        }
        [key, rest @ ..] => {
            let below = map.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                put(below, rest, value);
            }
        }
    }
}
