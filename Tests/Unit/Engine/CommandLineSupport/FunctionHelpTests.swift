import Testing

@testable import Engine

@Suite("iii trigger FN --help, cli.md §3.4")
struct FunctionHelpTests {
    @Test("a page with parameters")
    func page() {
        let info: JSON = [
            "description": "Creates an order",
            "request_schema": [
                "type": "object",
                "required": ["item"],
                "properties": [
                    "item": ["type": "string", "description": "What\nto order"],
                    "count": ["type": ["integer", "null"]],
                    "any": ["description": "x"],
                ],
            ],
        ]
        #expect(
            FunctionHelp.render("orders::create", info: info).hasPrefix(
                """
                iii trigger orders::create

                Creates an order

                Usage: iii trigger orders::create [key=value ...] [--json '<obj>']

                Parameters:
                  Name   Type          Required  Description
                  item   string        yes       What to order
                  count  integer|null  no
                  any    any           no        x


                Options:
                      --json <JSON>
                """
            )
        )
    }

    @Test(
        "no schema",
        arguments: [
            [:], ["request_schema": .null], ["request_schema": ["properties": [:]]], ["request_format": .null], "text",
        ] as [JSON]
    )
    func noSchema(info: JSON) {
        #expect(FunctionHelp.render("f", info: info).contains("Parameters:\n  (no request schema published)\n"))
    }

    @Test("request_format stands in for request_schema")
    func fallback() {
        let info: JSON = ["request_schema": .null, "request_format": ["properties": ["a": ["type": "string"]]]]
        #expect(FunctionHelp.render("f", info: info).contains("  a     string  no\n"))
    }

    @Test("worker-provided text steers no terminal")
    func sanitised() {
        let evil = "a\u{1B}[2Jb\u{202E}c\u{2066}d\u{2028}e\u{7}\tf\ng"
        let info: JSON = [
            "description": .string(evil), "request_schema": ["properties": [evil: ["type": .string(evil)]]],
        ]
        let page = FunctionHelp.render(evil, info: info)
        #expect(page.unicodeScalars.allSatisfy { $0 == "\n" || !$0.isUnprintable })
        #expect(page.contains("  a[2Jbcde f g  a[2Jbcde f g  no\n"))
    }

    @Test(
        "an unknown function, an engine that can't say",
        arguments: [
            ("function_not_found", "Function f not found", 1), ("NOT_FOUND", "x", 1),
            ("x", "function 'f' is not registered", 1),
            ("function_not_found", "Function engine::functions::info not found", 0), ("timeout", "x", 0),
        ] as [(String, String, Int32)]
    )
    func failure(code: String, message: String, exit: Int32) {
        let output = FunctionHelp.failure("f", code: code, message: message)
        #expect(output.exitCode == exit)
        if exit == 1 {
            #expect(
                output.standardError == """
                    error: function `f` not found in engine registry.
                    hint: run `iii trigger engine::functions::list` to see registered functions.

                    """
            )
        } else {
            #expect(output.standardError.hasPrefix("warning: could not query engine for `f`: "))
            #expect(output.standardError.hasSuffix("\nShowing static CLI help only.\n"))
            #expect(output.standardOutput == CommandHelp.trigger)
        }
    }

    @Test("root help names the commands and no others")
    func rootHelp() {
        let lines = CommandHelp.root.split(separator: "\n").map { $0.drop { $0 == " " } }
        for command in ["trigger", "console", "worker", "project", "update", "health", "cloud"] {
            #expect(lines.contains { $0.hasPrefix(command + " ") })
        }
        #expect(!lines.contains { $0.hasPrefix("create ") || $0.hasPrefix("start ") })
    }

    @Test("what isn't shipped says so", arguments: CommandHelp.notShipped)
    func notShipped(command: String) {
        let output = CommandHelp.notShipped(command)
        #expect(output.exitCode == 1)
        #expect(output.standardError.hasPrefix("Error: `iii \(command)` isn't shipped with this version (0.22.1)"))
    }
}
