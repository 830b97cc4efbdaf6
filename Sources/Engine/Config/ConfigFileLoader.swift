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
            registrationNamespaceGraceMilliseconds: graceMilliseconds
        )
    }
}

// MARK: - Shape

extension ConfigFileLoader {
    private static let knownKeys = ["modules", "workers", "registration_namespace_grace_ms"]
    /// Upstream's documentation shows it, upstream's engine refuses it. It says nothing that concerns this engine.
    private static let ignoredKeys = ["rootfs"]

    mutating func read(_ root: YAMLNode?) throws(YAMLError) {
        guard let root, !root.isNull else { return }
        guard case .mapping(let pairs) = root.kind else {
            throw try root.wrongType(expected: "a mapping with the key `workers`")
        }
        try Self.checkDuplicates(pairs, among: Self.knownKeys)
        for pair in pairs {
            switch pair.key {
            case "workers": workers = try entries(pair.value)
            case "modules": modules = try entries(pair.value)
            case "registration_namespace_grace_ms": graceMilliseconds = try pair.value.unsigned()
            case _ where Self.ignoredKeys.contains(pair.key): break
            default:
                let error = ArgumentError.unknownField(pair.key, expected: ["modules", "workers"])
                throw YAMLError(error.detail, at: pair.keyMark)
            }
        }
        guard workers.count + modules.count <= EngineConfiguration.maximumEntries else {
            throw YAMLError("more than \(EngineConfiguration.maximumEntries) entries", at: root.mark)
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
        try Self.checkDuplicates(pairs, among: ["name", "image", "config"])
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
        guard let name else { throw YAMLError(ArgumentError.missingField("name").detail, at: node.mark) }
        return RawEntry(name: name, image: image, block: block, mark: node.mark)
    }

    private static func checkDuplicates(_ pairs: [YAMLNode.Pair], among names: [String]) throws(YAMLError) {
        for name in names {
            let same = pairs.filter { Name($0.key) == Name(name) }
            guard same.count > 1 else { continue }
            throw YAMLError(ArgumentError.duplicateField(name).detail, at: same[1].keyMark)
        }
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
