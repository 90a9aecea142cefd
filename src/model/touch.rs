//! What the file tracer saw: one thing that some process of the run did with one path.

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TouchKind {
    /// A file was opened to be read.
    Read,
    /// A folder was listed.
    Listed,
    /// A path was asked for and was not there.
    Absent,
    /// A path was asked for and was there.
    Stat,
    /// A link's text was read.
    Link,
    /// A path came to be, or was opened empty.
    Written,
    /// A file was opened to be changed, its content kept.
    Updated,
    /// A program was about to be started; the text is its process and its path.
    Spawn,
    /// The program announced last by this process could not be started.
    Failed,
    /// A program started; the text is the parent process and the program's path.
    Hello,
    /// A process ended in order.
    Goodbye,
    /// A process can no longer be seen; the text says why.
    Opaque,
    /// The process changed its window.
    Window,
    /// A process ended and its parent was told; the text is its number.
    Gone,
    /// A shared object was loaded.
    Object,
    /// A folder was listed with all that is below it.
    Walked,
    /// A process came to be without a new program; the text is its parent.
    Forked,
    /// A path was removed.
    Removed,
}

impl TouchKind {
    /// Whether something was done with one file or folder, and not by starting it.
    #[must_use]
    pub fn is_of_files(self) -> bool {
        matches!(
            self,
            Self::Read
                | Self::Listed
                | Self::Absent
                | Self::Stat
                | Self::Link
                | Self::Written
                | Self::Updated
                | Self::Object
                | Self::Walked
        )
    }
}

/// One touch. They come in the order of time, over all processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The process that did it.
    pub pid: u32,
    /// The runner's process in whose window it was done; 0 before any runner spoke.
    pub owner: u32,
    /// The number of the window in the owner.
    pub window: u32,
    /// What was done.
    pub kind: TouchKind,
    /// An absolute path, or what the kind says.
    pub text: String,
}

/// Everything that the file tracer saw in one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touches {
    /// In the order of time.
    pub all: Vec<Touch>,
    /// Records that a kill left unfinished.
    pub torn: u64,
    /// Records for which there was no room.
    pub lost: u64,
}
