/// Turns the YAML tree of a config file into worker entries: shape first, then names.
struct ConfigFileLoader {
    /// An entry as the file has it.
    struct RawEntry {
        let name: String
        let image: String?
        let block: ConfigBlock
        let mark: SourceMark?
    }

    private let path: String?
    private var workers: [RawEntry] = []
    private var modules: [RawEntry] = []
    private var graceMilliseconds = EngineConfiguration.defaultNamespaceGraceMilliseconds
    private var warnings: [String] = []

    init(path: String?) {
        self.path = path
    }

    mutating func addDefaults() {
        workers = BuiltInWorker.catalogue.filter(\.isDefault).map {
            RawEntry(name: $0.name, image: nil, block: .absent, mark: nil)
        }
    }

    func finish() throws(ConfigurationError) -> EngineConfiguration {
        let entries = try ConfigEntryResolver(path: path).resolve(workers + modules)
        return EngineConfiguration(
            path: path,
            entries: entries,
            listedCount: workers.count + modules.count,
            registrationNamespaceGraceMilliseconds: graceMilliseconds,
            warnings: warnings
        )
    }
}

// MARK: - Shape

extension ConfigFileLoader {
    /// Upstream's documentation shows it, upstream's engine refuses it. It says nothing that concerns this engine.
    private static let ignoredKeys = ["rootfs"]
    /// A key of the file's own, such as `x-defaults: &defaults {…}`: a place for anchors.
    private static let extensionPrefix = "x-"

    mutating func read(_ root: YAMLNode?) throws(YAMLError) {
        guard let root, !root.isNull else { return warn(Self.nothingConfigured, at: root?.mark ?? .start) }
        guard case .mapping(let pairs) = root.kind else {
            throw try root.wrongType(expected: "a mapping with the key `workers`")
        }
        var hasList = false
        for pair in pairs {
            switch pair.key {
            case "workers", "modules":
                hasList = hasList || !pair.value.isNull
                try readList(pair)
            case "registration_namespace_grace_ms": graceMilliseconds = try pair.value.unsigned()
            case _ where Self.ignoredKeys.contains(pair.key) || pair.key.hasPrefix(Self.extensionPrefix): break
            case "port": throw YAMLError(Self.movedPort, at: pair.keyMark)
            default: throw Self.unknownKey(pair)
            }
        }
        if !hasList { warn(Self.nothingConfigured, at: root.mark) }
        guard workers.count + modules.count <= EngineConfiguration.maximumEntries else {
            throw YAMLError("more than \(EngineConfiguration.maximumEntries) entries", at: root.mark)
        }
    }

    private mutating func readList(_ pair: YAMLNode.Pair) throws(YAMLError) {
        let entries = try entries(pair.value)
        if pair.key == "workers" {
            workers = entries
        } else {
            modules = entries
            warn("`modules` is `workers` since 0.11: rename the key", at: pair.keyMark)
        }
    }

    private func entries(_ node: YAMLNode) throws(YAMLError) -> [RawEntry] {
        if node.isNull { return [] }
        guard case .sequence(let elements) = node.kind else { throw try node.wrongType(expected: "a sequence") }
        var entries: [RawEntry] = []
        for element in elements { entries.append(try entry(element)) }
        return entries
    }

    /// Unknown keys of an entry are ignored: later versions add some.
    private func entry(_ node: YAMLNode) throws(YAMLError) -> RawEntry {
        guard case .mapping(let pairs) = node.kind else {
            throw try node.wrongType(expected: "an entry such as `- name: iii-http`")
        }
        var (name, image, block): (String?, String?, ConfigBlock) = (nil, nil, .absent)
        for pair in pairs {
            switch pair.key {
            case "name": name = try pair.value.string()
            case "image" where !pair.value.isNull: image = try pair.value.string()
            case "config":
                var marks = SourceMarks(file: path)
                block = ConfigBlock(try pair.value.json(marks: &marks), marks: marks)
            default: break
            }
        }
        guard let name else { throw try Self.unnamed(node, pairs) }
        return RawEntry(name: name, image: image, block: block, mark: node.mark)
    }
}

// MARK: - Messages

extension ConfigFileLoader {
    private static let nothingConfigured =
        "nothing is configured: the file lists no worker, so the engine serves no HTTP, state or streams. "
        + "List workers under `workers:`, such as `- name: iii-http`, or write `workers: []` if that is meant"
    private static let movedPort =
        "`port` is a setting of the worker listener since 0.11: "
        + "write it as `config: {port: …}` of the entry `- name: iii-worker-manager`"

    private mutating func warn(_ text: String, at mark: SourceMark) {
        warnings.append(path.map { "\(SourcePlace(file: $0, mark: mark)): \(text)" } ?? text)
    }

    private static func unknownKey(_ pair: YAMLNode.Pair) -> YAMLError {
        let error = ArgumentError.unknownField(pair.key, expected: ["modules", "workers"])
        let hint = Spelling.hint(pair.key, among: ["workers", "modules", "registration_namespace_grace_ms"])
        return YAMLError(error.detail + hint, at: pair.keyMark)
    }

    private static func unnamed(_ node: YAMLNode, _ pairs: [YAMLNode.Pair]) throws(YAMLError) -> YAMLError {
        guard let legacy = pairs.first(where: { $0.key == LegacyModule.key }) else {
            return YAMLError(ArgumentError.missingField("name").detail, at: node.mark)
        }
        return YAMLError(LegacyModule.worker(try legacy.value.string()), at: legacy.keyMark)
    }
}

extension YAMLNode {
    fileprivate var isNull: Bool {
        guard case .scalar(let scalar) = kind else { return false }
        return (try? scalar.typed(at: mark))?.isNull ?? false
    }

    fileprivate func wrongType(expected: String) throws(YAMLError) -> YAMLError {
        YAMLError(ArgumentError.invalidType(try json(), expected: expected).detail, at: mark)
    }

    fileprivate func string() throws(YAMLError) -> String {
        try convert { (json) throws(ArgumentError) in try json.argumentString() }
    }

    fileprivate func unsigned() throws(YAMLError) -> UInt64 {
        try convert { (json) throws(ArgumentError) in try json.argumentInteger() }
    }

    private func convert<Value>(_ conversion: (JSON) throws(ArgumentError) -> Value) throws(YAMLError) -> Value {
        let value = try json()
        do throws(ArgumentError) {
            return try conversion(value)
        } catch {
            throw YAMLError(error.detail, at: mark)
        }
    }
}
