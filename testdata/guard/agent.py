"""An agent that speaks the Model Context Protocol by its own authors' SDK: `agent.py TITER FAULT STEP...`; prints one JSON object, each step's answer.

It is started in the repository, with the environment that `titer` is to have.
"""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main() -> None:
    program, steps = sys.argv[1], json.loads(sys.argv[2])
    server = StdioServerParameters(command=program, args=["mcp"], env=dict(os.environ))
    told = {}
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        greeted = await session.initialize()
        told["server"] = greeted.server_info.name
        told["tools"] = [tool.model_dump(mode="json", exclude_none=True, by_alias=True) for tool in (await session.list_tools()).tools]
        draft = None
        for name, tool, arguments in steps:
            if arguments.get("draft") == "LAST":
                arguments["draft"] = draft
            try:
                answer = await session.call_tool(tool, arguments)
            except Exception as error:
                told[name] = {"refused": str(error)}
                continue
            text = "".join(part.text for part in answer.content)
            if answer.is_error:
                told[name] = {"error": text}
                continue
            told[name] = answer.structured_content
            assert json.loads(text) == answer.structured_content
            draft = told[name].get("draft", draft)
    print(json.dumps(told))


asyncio.run(main())
