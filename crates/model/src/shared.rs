//! A value that many requests of a conversation share, with what was worked out from it.
//!
//! A model API is stateless, so each request carries what the one before carried. What is the same is read once
//! and shared; what follows from it (its place in the chain, the ids of its items) is worked out once for each place that
//! it is asked for from, and kept with it. All of that is a function of the value: whether it was kept can be seen in no
//! result.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ids::ID_LEN;

/// Threads whose ids of a value's items are kept: system prompt and tools are the same in many of an agent's sessions.
const THREADS_LIMIT: usize = 64;

type Id = [u8; ID_LEN];
type Secret = [u8; 32];

/// See the module.
pub struct Shared<T>(Arc<Inner<T>>);

struct Inner<T> {
    value: T,
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    /// The place before the value under a secret, and the one after it.
    step: Option<(Secret, Id, Id)>,
    /// Ids of its items, by the secret that they are made under; the newest last.
    ids: Vec<(Secret, Arc<[Id]>)>,
    /// The value as somebody else reads it, by the reader's name; `None` if that is the same.
    variant: Option<(String, Option<Shared<T>>)>,
}

impl<T> Shared<T> {
    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place after this value, when `before` is the one before it. `step` tells it and must depend on nothing else.
    pub fn step(&self, secret: &Secret, before: &Id, step: impl FnOnce(&T) -> Id) -> Id {
        if let Some((under, from, to)) = &self.kept().step
            && (under, from) == (secret, before)
        {
            return *to;
        }
        let after = step(self);
        self.kept().step = Some((*secret, *before, after));
        after
    }

    /// The ids of the value's items under a secret, if they are kept.
    pub fn ids(&self, secret: &Secret) -> Option<Arc<[Id]>> {
        self.kept().ids.iter().rev().find(|(under, _)| under == secret).map(|(_, ids)| Arc::clone(ids))
    }

    /// Keeps the ids of the value's items under a secret.
    pub fn keep_ids(&self, secret: &Secret, ids: Arc<[Id]>) {
        let mut kept = self.kept();
        if kept.ids.len() >= THREADS_LIMIT {
            kept.ids.remove(0);
        }
        kept.ids.push((*secret, ids));
    }

    /// The value as the reader of that name reads it. `read` gives `None` where that is the same, and must depend on nothing
    /// but value and name.
    #[must_use]
    pub fn variant(&self, name: &str, read: impl FnOnce(&T) -> Option<T>) -> Self {
        if let Some((known, variant)) = &self.kept().variant
            && known == name
        {
            return variant.as_ref().unwrap_or(self).clone();
        }
        let variant = read(self).map(Self::from);
        self.kept().variant = Some((name.to_owned(), variant.clone()));
        variant.unwrap_or_else(|| self.clone())
    }
}

impl<T: Clone> Shared<T> {
    /// The value, to be kept.
    pub fn into_inner(self) -> T {
        Arc::try_unwrap(self.0).map_or_else(|inner| inner.value.clone(), |inner| inner.value)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(Inner { value, kept: Mutex::new(Kept { step: None, ids: Vec::new(), variant: None }) }))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl<T: PartialEq> PartialEq<T> for Shared<T> {
    fn eq(&self, other: &T) -> bool {
        **self == *other
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_follows_is_worked_out_once_for_each_place() {
        let shared = Shared::from("x".to_owned());
        let step = |secret: u8, before: u8, after: u8| shared.step(&[secret; 32], &[before; 16], |_| [after; 16])[0];
        assert_eq!((step(1, 1, 5), step(1, 1, 6), step(1, 2, 7), step(2, 2, 8)), (5, 5, 7, 8));
        for number in 0..=THREADS_LIMIT {
            shared.keep_ids(&[u8::try_from(number).unwrap(); 32], Arc::new([[9; 16]]));
        }
        assert!(shared.ids(&[0; 32]).is_none(), "a bounded number is kept");
        assert_eq!(shared.ids(&[1; 32]).unwrap()[0], [9; 16]);
    }

    #[test]
    fn a_variant_is_read_once_for_a_name() {
        let shared = Shared::from("x".to_owned());
        assert_eq!(*shared.variant("a", |text| Some(format!("{text}a"))), "xa");
        assert_eq!(*shared.variant("a", |_| None), "xa");
        assert_eq!(*shared.variant("b", |_| None), "x");
        assert_eq!(*shared.variant("b", |_| Some(String::new())), "x");
    }
}
