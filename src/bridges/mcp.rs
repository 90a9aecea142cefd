//! The Model Context Protocol over standard input and output: tools of ours for agents, by the protocol's own Rust SDK.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool as Told, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Value, json};

/// A tool as it is told to agents.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// `faults.list`
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Its arguments: name, JSON type, what it is, whether it has to be there.
    pub arguments: &'static [(&'static str, &'static str, &'static str, bool)],
    /// Whether it changes nothing but titer's own notes.
    pub reads_only: bool,
}

/// What a tool answers: a JSON document, or why it cannot, in sentences.
pub type Answer = Result<Value, String>;

/// What answers calls: the tool's name and its arguments.
type Call = dyn Fn(&str, &JsonObject) -> Answer + Send + Sync;

struct Server {
    about: &'static str,
    tools: &'static [Tool],
    // One at a time: each may run tests, and the ledger has one writer.
    call: Arc<Mutex<Box<Call>>>,
}

impl Tool {
    fn told(&self) -> Told {
        let properties: JsonObject = self
            .arguments
            .iter()
            .map(|(name, kind, about, _)| ((*name).to_owned(), json!({"type": kind, "description": about})))
            .collect();
        let required: Vec<&str> = self.arguments.iter().filter(|one| one.3).map(|one| one.0).collect();
        let schema: JsonObject = [
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), Value::Object(properties)),
            ("required".to_owned(), json!(required)),
            ("additionalProperties".to_owned(), json!(false)),
        ]
        .into_iter()
        .collect();
        let hints = ToolAnnotations::new().read_only(self.reads_only).destructive(false).open_world(false);
        Told::new(self.name, self.about, Arc::new(schema)).with_annotations(hints)
    }

    /// What is wrong with the arguments of a call.
    fn problem(&self, given: &JsonObject) -> Option<String> {
        let known = |name: &str| self.arguments.iter().find(|one| one.0 == name);
        for (name, value) in given {
            let Some((_, kind, ..)) = known(name) else {
                return Some(format!("{} has no argument `{name}`", self.name));
            };
            let fits = match *kind {
                "string" => value.is_string(),
                "integer" => value.is_u64(),
                _ => value.is_boolean(),
            };
            if !fits {
                return Some(format!("{}: `{name}` has to be of type {kind}", self.name));
            }
        }
        let missing = self.arguments.iter().find(|one| one.3 && !given.contains_key(one.0));
        missing.map(|one| format!("{} needs the argument `{}`", self.name, one.0))
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("titer", env!("CARGO_PKG_VERSION")))
            .with_instructions(self.about)
    }

    fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListToolsResult, ErrorData>> + Send + '_ {
        let tools = self.tools.iter().map(Tool::told).collect();
        std::future::ready(Ok(ListToolsResult::with_all_items(tools)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let given = request.arguments.unwrap_or_default();
        let Some(tool) = self.tools.iter().find(|tool| tool.name == request.name) else {
            return Err(ErrorData::invalid_params(format!("there is no tool {}", request.name), None));
        };
        if let Some(problem) = tool.problem(&given) {
            return Err(ErrorData::invalid_params(problem, None));
        }
        let (call, name) = (Arc::clone(&self.call), tool.name);
        // Tests run for a while; whoever asks is answered meanwhile.
        let done = tokio::task::spawn_blocking(move || {
            let call = call.lock().unwrap_or_else(PoisonError::into_inner);
            call(name, &given)
        });
        let answer = done.await.unwrap_or_else(|_| Err(format!("titer stopped in the middle of {name}")));
        Ok(match answer {
            Ok(value) => CallToolResult::structured(value),
            Err(why) => CallToolResult::error(vec![ContentBlock::text(why)]),
        }
        .into())
    }
}

/// Serves tools on standard input and output until the other side hangs up.
///
/// # Errors
/// The other side does not speak the protocol; the sentence says so.
pub fn serve(
    about: &'static str,
    tools: &'static [Tool],
    call: impl Fn(&str, &JsonObject) -> Answer + Send + Sync + 'static,
) -> Result<(), String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let server = Server { about, tools, call: Arc::new(Mutex::new(Box::new(call))) };
    let ended = runtime.block_on(async {
        let service = server.serve(rmcp::transport::stdio()).await.map_err(|error| error.to_string())?;
        service.waiting().await.map_err(|error| error.to_string())
    });
    // A read of standard input that waits cannot be called off.
    runtime.shutdown_background();
    ended.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOL: Tool = Tool {
        name: "a.b",
        about: "",
        arguments: &[("fault", "string", "", true), ("most", "integer", "", false)],
        reads_only: true,
    };

    #[test]
    fn arguments_that_do_not_fit_are_named() {
        for (given, problem) in [
            (json!({"fault": "a"}), None),
            (json!({"fault": "a", "most": 2}), None),
            (json!({}), Some("a.b needs the argument `fault`")),
            (json!({"fault": 1}), Some("a.b: `fault` has to be of type string")),
            (json!({"fault": "a", "most": -1}), Some("a.b: `most` has to be of type integer")),
            (json!({"fault": "a", "other": 1}), Some("a.b has no argument `other`")),
        ] {
            let given = given.as_object().cloned().unwrap_or_default();
            assert_eq!(TOOL.problem(&given).as_deref(), problem, "{given:?}");
        }
    }
}
