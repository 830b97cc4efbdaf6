/// What is logged, from the block of `iii-observability` and from `RUST_LOG` (config-file.md §11).
///
/// A word that means nothing never silences the log: the default applies, and a warning names the word.
struct LogSettings {
    let filter: LogFilter
    /// Each names the setting, its value and what applies instead.
    let warnings: [String]

    /// Formats that have a name; the human one is the default.
    private static let formats = ["default", "json"]
    private static let levels = "trace, debug, info, warn, error, off or target=level, such as iii::workers::http=debug"

    /// - Parameters:
    ///   - level: wins over `RUST_LOG`, which wins over `info`. Empty counts as unset.
    ///   - format: `json` in any case, or `default`.
    init(level: String?, format: String?, environment: (String) -> String?) {
        var warnings: [String] = []
        if let format, !format.isEmpty, !Self.formats.contains(format.lowercased()) {
            warnings.append("unknown log format '\(format)', expected 'default' or 'json': 'default' applies")
        }
        if let level, !level.isEmpty {
            filter = Self.filter(level, of: "`level` of iii-observability", &warnings)
        } else if let expression = environment("RUST_LOG"), !expression.isEmpty {
            filter = Self.filter(expression, of: "RUST_LOG", &warnings)
        } else {
            filter = .info
        }
        self.warnings = warnings
    }

    private static func filter(_ expression: String, of source: String, _ warnings: inout [String]) -> LogFilter {
        var filter = LogFilter(expression)
        let isSilent = !filter.concernsEngine
        if isSilent { filter.setDefault(.info) }
        let outcome = isSilent ? "'info' applies" : "the rest applies"
        if !filter.unknownWords.isEmpty {
            let words = filter.unknownWords.map { "'\($0)'" }.joined(separator: ", ")
            warnings.append("unknown log level \(words) in \(source), expected \(levels): \(outcome)")
        } else if isSilent {
            warnings.append("\(source) '\(expression)' names no target of the engine, they begin with iii: \(outcome)")
        }
        return filter
    }
}
