/// Decides what each entry's name stands for and gives instances their ids (config-file.md §4, §5).
struct ConfigEntryResolver {
    let path: String?

    func resolve(_ raw: [ConfigFileLoader.RawEntry]) throws(ConfigurationError) -> [WorkerEntry] {
        try checkOldAndNewNames(raw)
        var ids = InstanceIDs()
        var entries: [WorkerEntry] = []
        for entry in raw { entries.append(try resolve(entry, &ids)) }
        try checkSingleInstances(entries)
        return entries + missingMandatory(entries)
    }

    private func resolve(
        _ entry: ConfigFileLoader.RawEntry,
        _ ids: inout InstanceIDs
    ) throws(ConfigurationError) -> WorkerEntry {
        let name = typeName(entry.name)
        guard let builtIn = BuiltInWorker.named(name) else { throw unknown(entry) }
        guard entry.image == nil else {
            throw ConfigurationError(
                .worker,
                "Worker '\(entry.name)' is a built-in worker and cannot have an 'image' field. "
                    + "Remove 'image' or use a different name.",
                at: place(entry.mark)
            )
        }
        try checkBlockIsServed(builtIn, entry)
        let suffix = entry.name.dropFirst(name.count)
        return WorkerEntry(
            name: entry.name,
            type: builtIn.name,
            instanceID: ids.take(builtIn.name + suffix),
            block: entry.block,
            mark: entry.mark,
            isMandatory: builtIn.isMandatory
        )
    }

    /// The name up to the first `#`.
    private func typeName(_ name: String) -> String {
        String(name.prefix { $0 != "#" })
    }

    private func missingMandatory(_ entries: [WorkerEntry]) -> [WorkerEntry] {
        // By exact name: an entry `configuration#x` doesn't stand for `configuration`.
        let named = Set(entries.map { Name($0.name) })
        return BuiltInWorker.catalogue.filter { $0.isMandatory && !named.contains(Name($0.name)) }.map {
            WorkerEntry(
                name: $0.name,
                type: $0.name,
                instanceID: $0.name,
                block: .absent,
                mark: nil,
                isMandatory: true
            )
        }
    }

    private func place(_ mark: SourceMark?) -> SourcePlace? {
        guard let mark, let path else { return nil }
        return SourcePlace(file: path, mark: mark)
    }
}

// MARK: - Refusals

extension ConfigEntryResolver {
    private func checkOldAndNewNames(_ raw: [ConfigFileLoader.RawEntry]) throws(ConfigurationError) {
        let present = Set(raw.map { Name(typeName($0.name)) })
        let lines = BuiltInWorker.catalogue.compactMap { builtIn -> String? in
            guard let alias = builtIn.alias, present.contains(Name(alias)), present.contains(Name(builtIn.name)) else {
                return nil
            }
            return "- '\(builtIn.name)' is the deprecated name for '\(alias)', but both are present. "
                + "Remove '\(builtIn.name)' from your configuration."
        }
        guard !lines.isEmpty else { return }
        throw ConfigurationError(
            .malformed,
            (["Duplicate worker configurations:"] + lines).joined(separator: "\n")
        )
    }

    private func checkBlockIsServed(
        _ builtIn: BuiltInWorker,
        _ entry: ConfigFileLoader.RawEntry
    ) throws(ConfigurationError) {
        if !builtIn.isServed {
            throw .creating(
                entry.name,
                "this version (\(EngineVersion.string)) doesn't serve \(builtIn.name) yet. "
                    + "Remove the entry to start without it",
                at: place(entry.mark)
            )
        }
        if builtIn.name == "iii-telemetry" {
            // It has no part of its own in this engine that could check its block.
            do {
                try TelemetryConfiguration.check(entry.block)
            } catch {
                throw .creating(entry.name, error)
            }
        }
        if builtIn.name == "configuration", entry.block.json != nil {
            throw .creating(
                entry.name,
                "this version (\(EngineVersion.string)) doesn't serve a `config` block of the configuration worker yet. "
                    + "Remove the block; the bare entry is accepted",
                at: place(entry.mark)
            )
        }
    }

    private func unknown(_ entry: ConfigFileLoader.RawEntry) -> ConfigurationError {
        let suggestion = BuiltInWorker.closest(to: typeName(entry.name)).map { " Did you mean '\($0)'?" } ?? ""
        return .creating(
            entry.name,
            "'\(entry.name)' is no built-in worker.\(suggestion) This engine doesn't start external workers "
                + "(iii-worker binary not found): remove the entry, and point the worker's III_URL at the engine",
            at: place(entry.mark)
        )
    }

    /// Two instances would fight over one configuration entry, one set of function names and one store.
    private func checkSingleInstances(_ entries: [WorkerEntry]) throws(ConfigurationError) {
        for (position, entry) in entries.enumerated() {
            guard BuiltInWorker.named(entry.type)?.allowsSeveral == false else { continue }
            guard let first = entries[..<position].first(where: { $0.type == entry.type }) else { continue }
            let before = first.mark.map { ", the first is at \($0)" } ?? ""
            throw .creating(
                entry.name,
                "only one \(entry.type) can run\(before): two would share one configuration entry. "
                    + "Remove one of the two",
                at: place(entry.mark)
            )
        }
    }
}

/// `name`, `name#1`, `name#2`, … in order of appearance; an id that the file spells out itself is skipped.
private struct InstanceIDs {
    private var taken: Set<Name> = []
    private var next: [Name: Int] = [:]

    mutating func take(_ name: String) -> String {
        if taken.insert(Name(name)).inserted { return name }
        var number = next[Name(name), default: 1]
        while !taken.insert(Name("\(name)#\(number)")).inserted { number += 1 }
        next[Name(name)] = number + 1
        return "\(name)#\(number)"
    }
}
