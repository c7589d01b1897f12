using System.Buffers;
using System.Collections.Concurrent;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.ConstrainedExecution;
using System.Runtime.InteropServices;
using RotatingSequencer.Core;
using RotatingSequencer.Simulation;

namespace RotatingSequencer.Campaigns.Exhaustive;

/// <summary>
/// Copies objects and takes their fingerprints, field by field, private fields included. So a search can branch at any
/// state of a core and recognise a state, without a line of the core that serves it. It refuses types that it cannot
/// treat, and skips nothing silently.
/// </summary>
internal static class ObjectGraph
{
    /// <summary>Immutable types: copies share them, and they are the same in all states.</summary>
    private static readonly HashSet<Type> s_immutable =
    [
        typeof(string),
        typeof(ReadOnlyMemory<byte>),
        typeof(Setup),
        typeof(CoreOptions),
    ];

    /// <summary>
    /// For each type, fields that no later step depends on: they only count, are overwritten before they are read, or
    /// are reset.
    /// </summary>
    private static readonly Dictionary<string, string[]> s_irrelevant = new()
    {
        ["BroadcastCore"] = ["<Counters>k__BackingField"],
        ["Inbox"] = ["_claims"],
        ["OwnMessages"] = ["_body"],
        ["GapRepair"] = ["_missing"],
        ["Peer"] = ["LastHeard"],
        ["Schedule"] = ["_random"],
        // The bytes after the length belong to some other Request. And an id has one content, or the observer stops the
        // search.
        ["HeldRequest"] = ["Buffer"],
        ["Outbox"] = ["_buffers"],
        // Read only where a round trip takes time, which it does not here.
        ["RuleObserver"] = ["_asked", "_lastHeard", "_firstQuestion", "_lastQuestion", "_answered"],
    };

    /// <summary>The parts of a core refer to each other. A fingerprint takes each where the core holds it.</summary>
    private static readonly HashSet<Type> s_parts =
    [
        .. FieldsOf(typeof(BroadcastCore)).Select(field => field.FieldType).Where(type => type.IsClass),
    ];

    private static readonly Func<object, object> s_shallowCopy = typeof(object)
        .GetMethod("MemberwiseClone", BindingFlags.Instance | BindingFlags.NonPublic)!
        .CreateDelegate<Func<object, object>>();

    /// <summary>For each type, what turns a shallow copy into a deep one; null if copies share it.</summary>
    private static readonly ConcurrentDictionary<Type, Action<object, Dictionary<object, object>>?> s_copiers = [];
    private static readonly ConcurrentDictionary<Type, Action<object, Fingerprint>> s_printers = [];

    private delegate void Visitor<T, TContext>(ref T value, TContext context);

    /// <summary>
    /// A copy that shares nothing that changes. Two references to one object stay two references to one.
    /// </summary>
    public static T Copy<T>(T root)
        where T : class => (T)CopyObject(root, new(ReferenceEqualityComparer.Instance));

    /// <summary>
    /// Equal for equal content. The chance that two of ten million different states share one is three in a million.
    /// </summary>
    public static ulong FingerprintOf(object root)
    {
        var print = new Fingerprint();
        PrintObject(root, print);
        return print.Value;
    }

    private static object CopyObject(object original, Dictionary<object, object> copies)
    {
        if (s_copiers.GetOrAdd(original.GetType(), MakeCopier) is not { } copier)
        {
            return original;
        }

        if (!copies.TryGetValue(original, out var copy))
        {
            copy = s_shallowCopy(original);
            copies.Add(original, copy);
            copier(copy, copies);
        }

        return copy;
    }

    private static Action<object, Dictionary<object, object>>? MakeCopier(Type type)
    {
        if (
            s_immutable.Contains(type)
            || type.GetInterfaces()
                .Any(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IEqualityComparer<>))
        )
        {
            return null;
        }

        Refuse(type);
        return type.IsArray
            ? Generic<Action<object, Dictionary<object, object>>>(nameof(CopyElements), type.GetElementType()!)
            : Generic<Action<object, Dictionary<object, object>>>(nameof(CopyFields), type);
    }

    private static void CopyElements<T>(object array, Dictionary<object, object> copies)
    {
        if (HoldsReferences(typeof(T)))
        {
            foreach (ref var element in ((T[])array).AsSpan())
            {
                CopyValue(ref element, copies);
            }
        }
    }

    private static void CopyFields<T>(object copy, Dictionary<object, object> copies)
    {
        var typed = (T)copy;
        FieldVisitors<T>.Copy(ref typed, copies);
    }

    private static void CopyValue<T>(ref T value, Dictionary<object, object> copies)
    {
        if (typeof(T).IsValueType)
        {
            FieldVisitors<T>.Copy(ref value, copies);
        }
        else if (value is not null)
        {
            value = (T)CopyObject(value, copies);
        }
    }

    private static void PrintObject(object? value, Fingerprint print)
    {
        if (value is null)
        {
            print.Add(0);
            return;
        }

        s_printers.GetOrAdd(value.GetType(), MakePrinter)(value, print);
    }

    private static Action<object, Fingerprint> MakePrinter(Type type)
    {
        Refuse(type);
        if (type == typeof(byte[]))
        {
            return (bytes, print) => print.Add((byte[])bytes);
        }

        if (type == typeof(ArrayBufferWriter<byte>))
        {
            return (writer, print) => print.Add(((ArrayBufferWriter<byte>)writer).WrittenSpan);
        }

        if (type.IsArray)
        {
            return Generic<Action<object, Fingerprint>>(nameof(PrintElements), type.GetElementType()!);
        }

        if (type.Namespace!.StartsWith("System", StringComparison.Ordinal))
        {
            var content = type.GetInterfaces()
                .Single(i => i.IsGenericType && i.GetGenericTypeDefinition() == typeof(IEnumerable<>))
                .GetGenericArguments()[0];
            var ordered =
                type.GetGenericTypeDefinition() != typeof(HashSet<>)
                && type.GetGenericTypeDefinition() != typeof(Dictionary<,>);
            return Generic<Action<object, Fingerprint>>(ordered ? nameof(PrintSequence) : nameof(PrintSet), content);
        }

        return Generic<Action<object, Fingerprint>>(nameof(PrintFields), type);
    }

    private static void PrintElements<T>(object array, Fingerprint print)
    {
        print.Add((ulong)((T[])array).Length);
        foreach (ref var element in ((T[])array).AsSpan())
        {
            PrintValue(ref element, print);
        }
    }

    private static void PrintSequence<T>(object items, Fingerprint print)
    {
        foreach (var item in (IEnumerable<T>)items)
        {
            var value = item;
            PrintValue(ref value, print);
        }

        print.Add(ulong.MaxValue);
    }

    /// <summary>The order in which a set was filled is not part of what it is.</summary>
    private static void PrintSet<T>(object items, Fingerprint print)
    {
        var sum = 0UL;
        foreach (var item in (IEnumerable<T>)items)
        {
            var value = item;
            var one = new Fingerprint();
            PrintValue(ref value, one);
            sum += one.Value;
        }

        print.Add(sum);
    }

    private static void PrintFields<T>(object value, Fingerprint print)
    {
        var typed = (T)value;
        FieldVisitors<T>.Print(ref typed, print);
    }

    private static void PrintValue<T>(ref T value, Fingerprint print)
    {
        if (typeof(T).IsPrimitive || typeof(T).IsEnum)
        {
            print.Add(
                Unsafe.SizeOf<T>() switch
                {
                    1 => Unsafe.As<T, byte>(ref value),
                    2 => Unsafe.As<T, ushort>(ref value),
                    4 => Unsafe.As<T, uint>(ref value),
                    _ => Unsafe.As<T, ulong>(ref value),
                }
            );
        }
        else if (typeof(T) == typeof(ReadOnlyMemory<byte>))
        {
            print.Add(Unsafe.As<T, ReadOnlyMemory<byte>>(ref value).Span);
        }
        else if (typeof(T).IsValueType)
        {
            FieldVisitors<T>.Print(ref value, print);
        }
        else
        {
            PrintObject(value, print);
        }
    }

    private static bool HoldsReferences(Type type) =>
        !type.IsPrimitive
        && !type.IsEnum
        && !s_immutable.Contains(type)
        && (!type.IsValueType || FieldsOf(type).Any(field => HoldsReferences(field.FieldType)));

    private static void Refuse(Type type)
    {
        if (
            type.IsPointer
            || type.IsSubclassOf(typeof(Delegate))
            || type.IsSubclassOf(typeof(CriticalFinalizerObject))
            || (type.IsArray && type.GetArrayRank() > 1)
        )
        {
            throw new NotSupportedException($"A state of the search holds a {type}, which cannot be copied.");
        }
    }

    private static IEnumerable<FieldInfo> FieldsOf(Type type)
    {
        for (var declaring = type; declaring is not null && declaring != typeof(object); declaring = declaring.BaseType)
        {
            foreach (
                var field in declaring.GetFields(
                    BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly
                )
            )
            {
                yield return field;
            }
        }
    }

    private static TDelegate Generic<TDelegate>(string method, Type argument)
        where TDelegate : Delegate =>
        typeof(ObjectGraph)
            .GetMethod(method, BindingFlags.Static | BindingFlags.NonPublic)!
            .MakeGenericMethod(argument)
            .CreateDelegate<TDelegate>();

    /// <summary>Code that visits each field of a type.</summary>
    private static class FieldVisitors<T>
    {
        public static readonly Visitor<T, Dictionary<object, object>> Copy = Compile<Dictionary<object, object>>(
            nameof(CopyValue),
            FieldsOf(typeof(T)).Where(field => HoldsReferences(field.FieldType))
        );

        public static readonly Visitor<T, Fingerprint> Print = Compile<Fingerprint>(nameof(PrintValue), Relevant());

        private static IEnumerable<FieldInfo> Relevant()
        {
            var irrelevant = s_irrelevant.GetValueOrDefault(typeof(T).Name, []);
            var fields = FieldsOf(typeof(T)).ToList();
            var unknown = irrelevant.Except(fields.Select(field => field.Name)).ToList();
            return unknown.Count == 0
                ? fields.Where(field =>
                    !irrelevant.Contains(field.Name)
                    && (typeof(T) == typeof(BroadcastCore) || !s_parts.Contains(field.FieldType))
                    && !(s_immutable.Contains(field.FieldType) && !field.FieldType.IsValueType)
                )
                : throw new NotSupportedException(
                    $"{typeof(T)} no longer has the field {string.Join(", ", unknown)}, which fingerprints leave out."
                );
        }

        private static Visitor<T, TContext> Compile<TContext>(string visit, IEnumerable<FieldInfo> fields)
        {
            var method = new DynamicMethod(
                visit,
                null,
                [typeof(T).MakeByRefType(), typeof(TContext)],
                typeof(ObjectGraph).Module,
                skipVisibility: true
            );
            var code = method.GetILGenerator();
            foreach (var field in fields)
            {
                code.Emit(OpCodes.Ldarg_0);
                if (!typeof(T).IsValueType)
                {
                    code.Emit(OpCodes.Ldind_Ref);
                }

                code.Emit(OpCodes.Ldflda, field);
                code.Emit(OpCodes.Ldarg_1);
                code.Emit(
                    OpCodes.Call,
                    typeof(ObjectGraph)
                        .GetMethod(visit, BindingFlags.Static | BindingFlags.NonPublic)!
                        .MakeGenericMethod(field.FieldType)
                );
            }

            code.Emit(OpCodes.Ret);
            return method.CreateDelegate<Visitor<T, TContext>>();
        }
    }

    /// <summary>A hash of 64 bits over what is added, in order.</summary>
    private sealed class Fingerprint
    {
        private const ulong Multiplier = 0x9E3779B97F4A7C15;

        public ulong Value { get; private set; } = Multiplier;

        public void Add(ulong part)
        {
            // Each part goes through a bijection of all 64 bits, after SplitMix64.
            var z = (Value ^ part) * 0xBF58476D1CE4E5B9;
            z ^= z >> 29;
            z *= 0x94D049BB133111EB;
            Value = (z ^ (z >> 32)) + Multiplier;
        }

        public void Add(ReadOnlySpan<byte> bytes)
        {
            Add((ulong)bytes.Length);
            for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            {
                Add(MemoryMarshal.Read<ulong>(bytes));
            }

            foreach (var b in bytes)
            {
                Add(b);
            }
        }
    }
}
