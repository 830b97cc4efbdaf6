/// The version that the engine reports: clients parse it to learn which protocol level they talk to.
public enum EngineVersion {
    /// Bare semantic version, as printed by `iii --version` (cli.md §1.1).
    public static let string = "0.22.1"
}
