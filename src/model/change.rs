//! What sort of file a path is: how much a change of it may mean.

/// The class of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathClass {
    /// Never an unknown path (documentation, editor files, CI configuration); recorded edges on it still count.
    Inert,
    /// Source of a runner's language: traced whenever it is used.
    Source,
    /// A file that holds many tools' tables; it counts table by table.
    Tables,
    /// Builds the code: a change of it selects all.
    BuildInput,
    /// Anything else: known only while a test is known to touch it.
    Data,
}
