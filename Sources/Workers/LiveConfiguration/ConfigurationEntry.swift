import Engine

/// A built-in worker's entry in the `configuration` worker (configuration-worker.md §8, §9).
struct ConfigurationEntry {
    /// `iii-pubsub`: also the prefix of the handler function and the trigger.
    let id: String
    /// Display name: `PubSub`.
    let name: String
    /// One line.
    let description: String
    /// JSON Schema of the value: a closed object.
    let schema: RawJSON
    /// Stored once, when nothing is stored yet: config.yaml's block, or the worker's defaults. Without null members
    /// that the schema doesn't accept.
    let seed: JSON
    /// What `<id>::on-config-change` answers, whatever became of the change.
    var answer = RawJSON(literal: "{\"ok\":true}")
}
