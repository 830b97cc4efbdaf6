/// `iii trigger FN --help`: what the engine knows about a function, as a page of text (cli.md §3.4).
public enum FunctionHelp {
    /// The function that is asked and its payload.
    public static let infoFunction = "engine::functions::info"
    public static func infoPayload(_ function: String) -> JSON {
        ["function_id": .string(function)]
    }

    /// - Parameter info: the result of `engine::functions::info`.
    public static func render(_ function: String, info: JSON) -> String {
        var text = "iii trigger \(function.sanitised)\n\n"
        if let description = info["description"]?.string, !description.isEmpty {
            text += description.sanitised + "\n\n"
        }
        text += "Usage: iii trigger \(function.sanitised) [key=value ...] [--json '<obj>']\n\nParameters:\n"
        text += parameters(info) + "\n"
        return text + CommandHelp.triggerOptions
    }

    /// Unknown function: two lines on standard error, exit 1.
    public static func notFound(_ function: String) -> CommandOutput {
        CommandOutput(
            standardError: """
                error: function `\(function.sanitised)` not found in engine registry.
                hint: run `iii trigger engine::functions::list` to see registered functions.

                """,
            exitCode: 1
        )
    }

    /// The engine can't be asked: a warning and the static help, exit 0.
    public static func unavailable(_ function: String, reason: String) -> CommandOutput {
        CommandOutput(
            standardOutput: CommandHelp.trigger,
            standardError: """
                warning: could not query engine for `\(function.sanitised)`: \(reason.sanitised)
                Showing static CLI help only.

                """,
            exitCode: 0
        )
    }

    /// Which of the two a remote error is. The engine without the info function can't be asked either.
    public static func failure(_ function: String, code: String, message: String) -> CommandOutput {
        let lacksInfo = message.contains(infoFunction)
        let text = "\(code) \(message)".lowercased()
        let isUnknown = ["not_found", "not found", "not registered"].contains { text.contains($0) }
        return isUnknown && !lacksInfo
            ? notFound(function) : unavailable(function, reason: "\(code): \(message)")
    }

    private static func parameters(_ info: JSON) -> String {
        let schema = info["request_schema"].flatMap { $0.isNull ? nil : $0 } ?? info["request_format"]
        guard let properties = schema?["properties"]?.object, !properties.isEmpty else {
            return "  (no request schema published)\n"
        }
        let required = Set((schema?["required"]?.array ?? []).compactMap { $0.string.map(Name.init) })
        var rows = [["Name", "Type", "Required", "Description"]]
        for property in properties {
            rows.append([
                property.key.cell,
                type(property.value).cell,
                required.contains(Name(property.key)) ? "yes" : "no",
                (property.value["description"]?.string ?? "").cell,
            ])
        }
        return TextTable.render(rows, indent: "  ")
    }

    private static func type(_ property: JSON) -> String {
        switch property["type"] {
        case .string(let name)?: name
        case .array(let names)?: names.compactMap(\.string).joined(separator: "|")
        default: "any"
        }
    }
}

extension String {
    /// Without what could steer the terminal: worker-provided text is not the operator's. Newlines stay.
    fileprivate var sanitised: String {
        String(String.UnicodeScalarView(unicodeScalars.filter { $0 == "\n" || !$0.isUnprintable }))
    }

    /// One line of a table.
    var cell: String {
        let spaced = unicodeScalars.map { $0 == "\n" || $0 == "\t" || $0 == "\r" ? " " as Unicode.Scalar : $0 }
        return String(String.UnicodeScalarView(spaced.filter { !$0.isUnprintable }))
    }
}
