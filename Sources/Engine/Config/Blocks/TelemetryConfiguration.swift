/// Block of `iii-telemetry`. It is checked and has no effect: this engine sends nothing to anybody (cli.md §11).
enum TelemetryConfiguration {
    static func check(_ block: ConfigBlock) throws(ConfigurationError) {
        let reader = try ConfigReader(
            block,
            fields: ["enabled", "sdk_api_key", "posthog_api_key", "posthog_host", "heartbeat_interval_secs"]
        )
        _ = try reader.bool("enabled")
        for field in ["sdk_api_key", "posthog_api_key", "posthog_host"] {
            _ = try reader.string(field, nullable: true)
        }
        let _: UInt64? = try reader.integer("heartbeat_interval_secs")
    }
}
