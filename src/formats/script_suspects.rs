//! What no guard in JavaScript should hold: secrets, names of one machine, the clock, the network, waiting, processes, writing, code made at run time.

#![allow(clippy::wildcard_enum_match_arm, reason = "all other syntax is only walked through")]

use super::revealing::{is_named_secret, is_of_one_machine, is_secret};
use super::script_names::{File, dotted, literal};
use crate::model::guard::Finding;
use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression, NewExpression, Program, PropertyKey};
use oxc_ast_visit::Visit;
use oxc_span::Span;

/// Longer texts are looked at up to here.
const LONGEST: usize = 100_000;

const NETWORK: [&str; 19] = [
    "http",
    "https",
    "http2",
    "net",
    "tls",
    "dgram",
    "dns",
    "dns/promises",
    "axios",
    "node-fetch",
    "got",
    "undici",
    "ws",
    "request",
    "superagent",
    "ky",
    "socket.io-client",
    "nodemailer",
    "puppeteer",
];
const PROCESS: [&str; 5] = ["child_process", "worker_threads", "cluster", "execa", "cross-spawn"];
const WRITING: [&str; 27] = [
    "writeFile",
    "writeFileSync",
    "appendFile",
    "appendFileSync",
    "mkdir",
    "mkdirSync",
    "mkdtemp",
    "mkdtempSync",
    "rm",
    "rmSync",
    "rmdir",
    "rmdirSync",
    "unlink",
    "unlinkSync",
    "rename",
    "renameSync",
    "copyFile",
    "copyFileSync",
    "cpSync",
    "createWriteStream",
    "chmod",
    "chmodSync",
    "symlink",
    "symlinkSync",
    "truncate",
    "truncateSync",
    "utimesSync",
];
const FILES: [&str; 5] = ["fs", "fs/promises", "fs-extra", "graceful-fs", "memfs"];

/// Looks at a test file.
pub(super) fn findings(file: &File<'_>, program: &Program<'_>) -> Vec<Finding> {
    let mut walk = Walk { file, found: Vec::new(), fakes: fakes(file.text) };
    for (name, from) in &file.imported {
        walk.import(name, from);
    }
    walk.visit_program(program);
    walk.found
}

/// Which of jest's own stand-ins a text uses: of timers, of the clock.
fn fakes(text: &str) -> (bool, bool) {
    let timers = text.contains("jest.useFakeTimers(");
    (timers, timers && (text.contains("jest.setSystemTime(") || text.contains("now:")))
}

struct Walk<'f, 't> {
    file: &'f File<'t>,
    found: Vec<Finding>,
    fakes: (bool, bool),
}

impl<'a> Visit<'a> for Walk<'_, '_> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::StringLiteral(text) => self.text(&text.value, text.span),
            AstKind::TemplateElement(text) => {
                let value = text.value.cooked.as_ref().map_or(text.value.raw.as_str(), |cooked| cooked.as_str());
                self.text(value, text.span);
            }
            AstKind::ObjectProperty(one) => {
                if let Some(name) = key(&one.key) {
                    self.named(&name, &one.value, one.span);
                }
            }
            AstKind::VariableDeclarator(one) => {
                if let (Some(id), Some(value)) = (one.id.get_binding_identifier(), &one.init) {
                    self.named(&id.name, value, one.span);
                }
            }
            AstKind::CallExpression(call) => self.call(call),
            AstKind::NewExpression(made) => self.made(made),
            AstKind::ImportExpression(import) if literal(&import.source).is_none() => {
                self.add("dynamic-code", import.span, "a module is named at run time".to_owned());
            }
            _ => {}
        }
    }
}

fn key(key: &PropertyKey<'_>) -> Option<String> {
    key.static_name().map(|name| name.to_string())
}

impl Walk<'_, '_> {
    fn add(&mut self, rule: &str, span: Span, text: String) {
        self.found.push(self.file.finding("hygiene", rule, span, text));
    }

    fn import(&mut self, name: &str, from: &str) {
        let at = self.file.text.find(from).unwrap_or_default();
        let span = Span::empty(u32::try_from(at).unwrap_or_default());
        let module = from.strip_prefix("node:").unwrap_or(from);
        if NETWORK.contains(&module) {
            self.add("network", span, format!("{name} is for the network"));
        }
        if PROCESS.contains(&module) {
            self.add("process", span, format!("{name} starts processes"));
        }
        if module == "vm" {
            self.add("dynamic-code", span, format!("{name} runs code that is made at run time"));
        }
        if module.starts_with("timers") {
            self.add("sleep", span, format!("{name} waits"));
        }
    }

    fn text(&mut self, value: &str, span: Span) {
        let value: String = value.chars().take(LONGEST).collect();
        if is_secret(&value) {
            self.add("secret", span, "a text looks like a secret".to_owned());
        }
        if is_of_one_machine(&value) {
            self.add("absolute-path", span, "a text is a path of one machine".to_owned());
        }
    }

    /// `{password: '…'}`, `const token = '…'`.
    fn named(&mut self, name: &str, value: &Expression<'_>, span: Span) {
        let Some(value) = literal(value) else { return };
        if is_named_secret(name, &value) {
            let shown: String = name.chars().take(40).collect();
            self.add("secret", span, format!("{shown} has a value that looks like a secret"));
        }
    }

    fn made(&mut self, made: &NewExpression<'_>) {
        let parts = dotted(&made.callee);
        match parts.last().map(String::as_str) {
            Some("Date") if made.arguments.is_empty() && !self.fakes.1 => {
                self.add("wall-clock", made.span, "new Date() is another value at each run".to_owned());
            }
            Some("Function") => {
                self.add("dynamic-code", made.span, "new Function runs code that is made at run time".to_owned());
            }
            Some(name @ ("WebSocket" | "XMLHttpRequest" | "EventSource")) => {
                self.add("network", made.span, format!("{name} is for the network"));
            }
            Some("Worker") => self.add("process", made.span, "new Worker starts a thread".to_owned()),
            _ => {}
        }
    }

    fn call(&mut self, call: &CallExpression<'_>) {
        let parts = dotted(&call.callee);
        let whole = parts.join(".");
        let first = parts.first().map(String::as_str).unwrap_or_default();
        let last = parts.last().map(String::as_str).unwrap_or_default();
        let plain = whole
            .strip_prefix("globalThis.")
            .or(whole.strip_prefix("global."))
            .or(whole.strip_prefix("window."))
            .unwrap_or(&whole);
        let is_imported = self.file.imported.contains_key(first);
        let rule = match plain {
            "Date.now" | "Date" | "performance.now" | "process.hrtime" | "process.hrtime.bigint" | "process.uptime"
                if !self.fakes.1 =>
            {
                Some(("wall-clock", "is another value at each run"))
            }
            "Math.random" | "crypto.randomUUID" | "crypto.getRandomValues" => {
                Some(("wall-clock", "is another value at each run"))
            }
            "setTimeout" | "setInterval" | "setImmediate"
                if !is_imported && !self.fakes.0 && plain != "setImmediate" =>
            {
                Some(("sleep", "waits"))
            }
            "Atomics.wait" | "Atomics.waitAsync" => Some(("sleep", "waits")),
            "fetch" | "navigator.sendBeacon" if !is_imported => Some(("network", "is for the network")),
            "process.exit" | "process.kill" | "process.abort" | "process.chdir" => {
                Some(("process", "ends or changes a process"))
            }
            "eval" | "Function" | "setTimeout.constructor" => {
                Some(("dynamic-code", "runs code that is made at run time"))
            }
            "jest.retryTimes" => Some(("retries", "hides that a test fails now and then")),
            _ => None,
        };
        if let Some((rule, does)) = rule {
            self.add(rule, call.span, format!("{plain} {does}"));
        }
        let is_of_files = self
            .file
            .imported
            .get(first)
            .is_some_and(|from| FILES.contains(&from.strip_prefix("node:").unwrap_or(from)))
            || required_files(call);
        if is_of_files && WRITING.contains(&last) {
            self.add("writes-file", call.span, format!("{last} changes files"));
        }
        if ["toMatchSnapshot", "toThrowErrorMatchingSnapshot"].contains(&last) {
            self.add(
                "writes-file",
                call.span,
                format!("{last} needs a file beside the test: write out what is expected"),
            );
        }
        self.module(call, first);
    }

    /// `require(name)`, `require('http')` without a name.
    fn module(&mut self, call: &CallExpression<'_>, first: &str) {
        if first != "require" || !call.callee.is_specific_id("require") {
            return;
        }
        match call.arguments.first().and_then(|one| one.as_expression()).and_then(literal) {
            Some(from) => self.import("what is required here", &from),
            None => self.add("dynamic-code", call.span, "a module is named at run time".to_owned()),
        }
    }
}

/// `require('fs').writeFileSync(…)`.
fn required_files(call: &CallExpression<'_>) -> bool {
    let from = call.callee.as_member_expression().and_then(|member| super::script_names::required(member.object()));
    from.is_some_and(|from| FILES.contains(&from.strip_prefix("node:").unwrap_or(&from)))
}
