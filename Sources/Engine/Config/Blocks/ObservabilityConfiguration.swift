/// Block of `iii-observability` (observability.md §2.1).
///
/// Every field is checked; this version acts on `level` and `format` only.
public struct ObservabilityConfiguration: Equatable, Sendable {
    /// Filter expression; nil leaves it to `RUST_LOG`, then `info`.
    public var level: String?
    /// `json` in any case selects JSON lines, anything else the human format.
    public var format: String?

    public init() {}

    public init(_ block: ConfigBlock) throws(ConfigurationError) {
        let reader = try ConfigReader(block, fields: Self.fields)
        level = try reader.string("level", nullable: true)
        format = try reader.string("format", nullable: true)
        try Self.checkScalars(reader)
        try Self.checkVariants(reader)
        try Self.checkSampling(reader)
        for rule in try reader.objects("alerts", fields: Self.alertFields) { try Self.checkAlert(rule) }
        for rule in try reader.objects("collapse_spans", fields: ["name", "service"]) {
            _ = try rule.require("name", rule.string("name"))
            _ = try rule.string("service", nullable: true)
        }
        try Self.checkTraceStorage(reader)
    }

    static let fields = [
        "enabled", "service_name", "service_version", "service_namespace", "exporter", "endpoint", "sampling_ratio",
        "sampling", "memory_max_spans", "live_spans", "metrics_enabled", "metrics_exporter",
        "metrics_retention_seconds", "metrics_max_count", "logs_enabled", "logs_exporter", "logs_max_count",
        "logs_retention_seconds", "logs_batch_size", "logs_flush_interval_ms", "logs_sampling_ratio",
        "logs_console_output", "alerts", "level", "format", "collapse_spans", "trace_storage",
    ]

    private static let alertFields = [
        "name", "metric", "threshold", "operator", "window_seconds", "action", "enabled", "cooldown_seconds",
    ]

    private static let operators = [
        "greaterthan", "greaterthanorequal", "lessthan", "lessthanorequal", "equal", "notequal",
        ">", ">=", "<", "<=", "==", "!=",
    ]
}

// MARK: - Checks

extension ObservabilityConfiguration {
    private static func checkScalars(_ reader: ConfigReader) throws(ConfigurationError) {
        for field in ["enabled", "live_spans", "metrics_enabled", "logs_enabled"] {
            _ = try reader.bool(field, nullable: true)
        }
        _ = try reader.bool("logs_console_output")
        for field in ["service_name", "service_version", "service_namespace", "endpoint"] {
            _ = try reader.string(field, nullable: true)
        }
        // Ratios beyond 0...1 are clamped and zeros mean "omitted" (§2.2): only the types are checked.
        _ = try reader.number("sampling_ratio", nullable: true)
        _ = try reader.number("logs_sampling_ratio")
        let counts = [
            "memory_max_spans", "metrics_retention_seconds", "metrics_max_count", "logs_max_count",
            "logs_retention_seconds", "logs_batch_size", "logs_flush_interval_ms",
        ]
        for field in counts { let _: UInt64? = try reader.integer(field, nullable: true) }
    }

    private static func checkVariants(_ reader: ConfigReader) throws(ConfigurationError) {
        _ = try reader.variant("exporter", of: ["otlp", "memory", "both"], nullable: true)
        _ = try reader.variant("metrics_exporter", of: ["memory", "otlp"], nullable: true)
        _ = try reader.variant("logs_exporter", of: ["memory", "otlp", "both"], nullable: true)
    }

    private static func checkSampling(_ reader: ConfigReader) throws(ConfigurationError) {
        let fields = ["default", "rules", "parent_based", "rate_limit"]
        guard let sampling = try reader.object("sampling", fields: fields) else { return }
        _ = try sampling.number("default", nullable: true)
        _ = try sampling.bool("parent_based", nullable: true)
        for rule in try sampling.objects("rules", fields: ["operation", "service", "rate"]) {
            _ = try rule.string("operation", nullable: true)
            _ = try rule.string("service", nullable: true)
            _ = try rule.require("rate", rule.number("rate"))
        }
        guard let limit = try sampling.object("rate_limit", fields: ["max_traces_per_second"]) else { return }
        let rate: UInt32? = try limit.integer("max_traces_per_second")
        _ = try limit.require("max_traces_per_second", rate)
    }

    private static func checkAlert(_ rule: ConfigReader) throws(ConfigurationError) {
        _ = try rule.require("name", rule.string("name"))
        _ = try rule.require("metric", rule.string("metric"))
        _ = try rule.require("threshold", rule.number("threshold"))
        _ = try rule.variant("operator", of: operators)
        for field in ["window_seconds", "cooldown_seconds"] { let _: UInt64? = try rule.integer(field) }
        _ = try rule.bool("enabled")
        guard let action = try rule.object("action", fields: ["type", "url", "path"]) else { return }
        switch try action.require("type", action.variant("type", of: ["log", "webhook", "function"])) {
        case "webhook": _ = try action.require("url", action.string("url"))
        case "function": _ = try action.require("path", action.string("path"))
        default: break
        }
    }

    private static func checkTraceStorage(_ reader: ConfigReader) throws(ConfigurationError) {
        let counts = ["max_disk_bytes", "retention_seconds", "memory_max_bytes", "pending_max_age_seconds"]
        let fields = ["enabled", "directory", "memory_low_watermark_ratio"] + counts
        guard let storage = try reader.object("trace_storage", fields: fields) else { return }
        _ = try storage.bool("enabled")
        _ = try storage.path("directory")
        _ = try storage.number("memory_low_watermark_ratio")
        for field in counts { let _: UInt64? = try storage.integer(field) }
    }
}
