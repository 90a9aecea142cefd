//! `titer completions` and `titer man`: what shells and `man` are told, from the definitions that the help is made of.

use std::io::{ErrorKind, Write};

use clap::{Command as Definition, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{Line, Verb};
use crate::bridges::process::Ending;
use crate::model::failure::Failure;

/// Prints what the verb asks for; nothing if it is another verb. No repository is needed for it.
pub(super) fn print(verb: &Verb, out: &mut dyn Write) -> Option<Result<Ending, Failure>> {
    let text = if let Verb::Completions { shell } = verb {
        Ok(completions(*shell))
    } else if let Verb::Man { command } = verb {
        page(command)
    } else {
        return None;
    };
    Some(text.and_then(|text| match out.write_all(&text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::world("the answer cannot be written").because(error))
        }
        _ => Ok(Ending::Code(0)),
    }))
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut visible(), "titer", &mut text);
    text
}

/// One page: titer's own, or that of the command that these words lead to.
fn page(words: &[String]) -> Result<Vec<u8>, Failure> {
    let mut command = visible();
    command.build();
    let mut name = "titer".to_owned();
    for word in words {
        let Some(found) = command.find_subcommand(word).cloned() else {
            let failure = Failure::usage(format!("{name} has no command {}", word.escape_debug()));
            return Err(failure.hint(format!("`{} --help` lists them", name.replace('-', " "))));
        };
        name = format!("{name}-{word}");
        command = found;
    }
    let mut text = Vec::new();
    let written = Man::new(command.display_name(name.clone())).title(name).render(&mut text);
    written.map(|()| text).map_err(|error| Failure::world("the page cannot be made").because(error))
}

/// All of the command line that is for people.
fn visible() -> Definition {
    let whole = Line::command();
    let shown = whole.get_subcommands().filter(|it| !it.is_hide_set()).cloned().collect::<Vec<_>>();
    let mut command = Definition::new("titer").version(env!("CARGO_PKG_VERSION")).after_help(super::EXIT_CODES);
    if let Some(about) = whole.get_about() {
        command = command.about(about.clone());
    }
    command.args(whole.get_arguments().cloned().collect::<Vec<_>>()).subcommand_required(true).subcommands(shown)
}
