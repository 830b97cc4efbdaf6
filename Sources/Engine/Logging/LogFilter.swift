import Logging

/// Which targets log from which level on: `info,iii::workers::http=debug` (config-file.md §11).
public struct LogFilter: Equatable, Sendable {
    /// Levels of a filter, from everything to nothing.
    public enum Threshold: UInt8, Comparable, Sendable {
        case trace, debug, info, warn, error, off

        public static func < (left: Threshold, right: Threshold) -> Bool { left.rawValue < right.rawValue }
    }

    private struct Directive: Equatable, Sendable {
        /// Nil: every target.
        let target: String?
        let threshold: Threshold
    }

    private var directives: [Directive]
    /// Parts of the expression that mean nothing.
    public let rejected: [String]
    /// Those, and lone words that are neither a level nor a target of the engine.
    let unknownWords: [String]

    public static let info = LogFilter("info")

    /// Most directives of one expression.
    static let maximumDirectives = 256

    /// Comma-separated `level`, `target=level` or `target`. A lone word that is no level is a target, logged wholly.
    ///
    /// What can't be read ends up in `rejected`. With nothing left only errors show.
    public init(_ expression: String) {
        var directives: [Directive] = []
        var rejected: [String] = []
        var unknownWords: [String] = []
        for part in expression.split(separator: ",") {
            let part = part.trimmingSpaces
            guard !part.isEmpty else { continue }
            if directives.count < Self.maximumDirectives, let directive = Self.directive(part) {
                directives.append(directive)
                if let target = directive.target, target == part, !Self.isOfEngine(target) {
                    unknownWords.append(target)
                }
            } else {
                rejected.append(String(part))
                unknownWords.append(String(part))
            }
        }
        self.directives = directives
        self.rejected = rejected
        self.unknownWords = unknownWords
    }

    /// False when the expression leaves every target of the engine to the default.
    var concernsEngine: Bool {
        directives.contains { $0.target.map(Self.isOfEngine) ?? true }
    }

    /// Gives a level to all targets that no directive matches.
    mutating func setDefault(_ threshold: Threshold) {
        directives.insert(Directive(target: nil, threshold: threshold), at: 0)
    }

    /// What every target of the engine begins with.
    private static let enginePrefix = "iii"

    private static func isOfEngine(_ target: String) -> Bool {
        target.utf8.starts(with: enginePrefix.utf8) || enginePrefix.utf8.starts(with: target.utf8)
    }

    private static func directive(_ text: Substring) -> Directive? {
        if let level = threshold(text) { return Directive(target: nil, threshold: level) }
        guard let equals = text.firstIndex(of: "=") else {
            return isTarget(text) ? Directive(target: String(text), threshold: .trace) : nil
        }
        let target = text[..<equals].trimmingSpaces
        guard isTarget(target), let level = threshold(text[text.index(after: equals)...].trimmingSpaces) else {
            return nil
        }
        return Directive(target: String(target), threshold: level)
    }

    private static func threshold(_ text: Substring) -> Threshold? {
        switch text.lowercased() {
        case "trace": .trace
        case "debug": .debug
        case "info": .info
        case "warn": .warn
        case "error": .error
        case "off": .off
        default: nil
        }
    }

    private static func isTarget(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
                    || ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z")
                    || $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")
            }
    }

    /// The longest matching directive decides, among equals the last. Without any match nothing is logged.
    public func threshold(for target: String) -> Threshold {
        guard !directives.isEmpty else { return .error }
        var best: (length: Int, threshold: Threshold) = (-1, .off)
        for directive in directives {
            let length = directive.target?.utf8.count ?? 0
            let matches = directive.target.map { target.utf8.starts(with: $0.utf8) } ?? true
            if matches, length >= best.length { best = (length, directive.threshold) }
        }
        return best.threshold
    }
}

extension Logger.Level {
    /// The reference's five levels: notice counts as info, critical as error.
    var threshold: LogFilter.Threshold {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info, .notice: .info
        case .warning: .warn
        case .error, .critical: .error
        }
    }

    var label: String {
        switch threshold {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info: "INFO"
        case .warn: "WARN"
        case .error, .off: "ERROR"
        }
    }
}

extension LogFilter.Threshold {
    /// The lowest swift-log level that passes. For `off` the handler drops what still comes.
    var level: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .warn: .warning
        case .error: .error
        case .off: .critical
        }
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = self
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
