# A policy as C holds it; on import, the fields that Python and C have are held against each other.

cdef int fill_policy(ps_policy *out, object policy) except -1:
    """Translate a Policy that goes where no algorithm of one's own is asked."""
    if policy.has_algorithm:
        expected = "rank: another one is not asked here"
        raise Mistake("algorithm", policy.algorithm, expected)
    return fill_fields(out, policy)


cdef int fill_fields(ps_policy *out, object policy) except -1:
    """Translate the fields of a Policy; they were validated when it was made."""
    out[0] = ps_policy_default()
    for field, name in enumerate(POLICY_FIELDS):
        if ps_policy_set(out, field, as_number(getattr(policy, name))):
            raise Mistake("policy", policy, f"one whose {name} the core takes")
    if ps_policy_prepare(out):
        raise Mistake("policy", policy, "one that the core takes")
    return 0


cdef unsigned as_number(object value) except? 0xffffffff:
    if value is None:
        return PS_NO_PLANE
    if isinstance(value, frozenset):
        return sum([1 << reason for reason in value])
    return value


def policy_table():
    """Give the fields of a C policy: name, the names of its values, its standard as a number."""
    cdef ps_policy standard = ps_policy_default()
    return [
        (
            ps_policy_field_name(field).decode(),
            ps_policy_value_names(field).decode(),
            ps_policy_get(&standard, field),
        )
        for field in range(PS_N_POLICY_FIELDS)
    ]


POLICY_FIELDS = tuple([name for name in field_names() if name != "algorithm"])
hold_fields(policy_table())
