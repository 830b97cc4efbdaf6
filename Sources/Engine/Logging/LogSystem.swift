import Logging
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The engine's logging: one output, one format, one filter that can change while running.
///
///     let logs = LogSystem(level: observability.level, format: observability.format)
///     LoggingSystem.bootstrap(logs.handler)
public final class LogSystem: Sendable {
    private struct State {
        var filter: LogFilter
        var thresholds: [Name: TargetThreshold] = [:]
    }

    private let state: Mutex<State>
    private let output: LogOutput
    let format: LogFormat
    /// Settings that can't be honoured, to be logged once the system is in use.
    public let warnings: [String]
    let now: @Sendable () -> LogTime

    /// Most targets that follow a filter change; labels are constants of the code, far fewer.
    static let maximumTargets = 4096

    init(
        filter: LogFilter,
        format: LogFormat,
        descriptor: Int32,
        warnings: [String] = [],
        now: @escaping @Sendable () -> LogTime
    ) {
        self.state = Mutex(State(filter: filter))
        self.format = format
        self.warnings = warnings
        self.now = now
        output = LogOutput(descriptor: descriptor) { count in
            format.render(
                LogEntry(
                    time: now(),
                    level: .warning,
                    target: "iii::logging",
                    message: "Log lines dropped because nobody read them",
                    metadata: ["count": .stringConvertible(count)]
                )
            )
        }
    }

    /// Writes to standard output.
    ///
    /// - Parameters:
    ///   - level: the block's filter expression; nil falls back to `RUST_LOG`, then `info`.
    ///   - format: `json` in any case, else the human format; colours only on a terminal.
    public convenience init(
        level: String?,
        format: String?,
        environment: (String) -> String? = ProcessEnvironment.value
    ) {
        let settings = LogSettings(level: level, format: format, environment: environment)
        self.init(
            filter: settings.filter,
            format: Self.format(format, isTerminal: isatty(STDOUT_FILENO) == 1, environment: environment),
            descriptor: STDOUT_FILENO,
            warnings: settings.warnings,
            now: LogTime.now
        )
    }

    /// NO_COLOR (not empty) and CLICOLOR=0 switch colours off.
    static func format(_ format: String?, isTerminal: Bool, environment: (String) -> String?) -> LogFormat {
        if format?.lowercased() == "json" { return .json }
        let noColour = environment("NO_COLOR").map { !$0.isEmpty } ?? false
        return .human(colours: isTerminal && !noColour && environment("CLICOLOR") != "0")
    }

    /// The factory for `LoggingSystem.bootstrap`. A label is a target: `iii::workers::http`.
    public var handler: @Sendable (String) -> any LogHandler {
        { label in EngineLogHandler(target: label, system: self) }
    }

    /// Changes the filter of all loggers, those that exist included.
    ///
    /// - Returns: false, with nothing changed, when a part of the expression can't be read.
    public func apply(level: String) -> Bool {
        let filter = LogFilter(level)
        guard filter.rejected.isEmpty else { return false }
        state.withLock { state in
            state.filter = filter
            for (target, threshold) in state.thresholds { threshold.set(filter.threshold(for: target.string)) }
        }
        return true
    }

    func threshold(for target: String) -> TargetThreshold {
        state.withLock { state in
            if let known = state.thresholds[Name(target)] { return known }
            let threshold = TargetThreshold(state.filter.threshold(for: target))
            if state.thresholds.count < Self.maximumTargets { state.thresholds[Name(target)] = threshold }
            return threshold
        }
    }

    func write(_ entry: LogEntry) {
        output.write(format.render(entry))
    }
}

/// A target's level, shared by all its loggers: checking it costs one load.
final class TargetThreshold: Sendable {
    private let value: Atomic<UInt8>

    init(_ threshold: LogFilter.Threshold) {
        value = Atomic(threshold.rawValue)
    }

    var current: LogFilter.Threshold {
        LogFilter.Threshold(rawValue: value.load(ordering: .relaxed)) ?? .off
    }

    func set(_ threshold: LogFilter.Threshold) {
        value.store(threshold.rawValue, ordering: .relaxed)
    }
}

/// swift-log's way into a `LogSystem`.
struct EngineLogHandler: LogHandler {
    private let target: String
    private let system: LogSystem
    private let threshold: TargetThreshold
    /// Set on one logger by its owner; wins over the filter.
    private var ownLevel: Logger.Level?

    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(target: String, system: LogSystem) {
        self.target = target
        self.system = system
        threshold = system.threshold(for: target)
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? threshold.current.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        guard ownLevel != nil || event.level.threshold >= threshold.current else { return }
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let own = event.metadata { fields.merge(own) { $1 } }
        if let error = event.error, fields["error"] == nil { fields["error"] = .string("\(error)") }
        system.write(
            LogEntry(
                time: system.now(),
                level: event.level,
                target: target,
                message: event.message.description,
                metadata: fields
            )
        )
    }
}
