! SPDX-License-Identifier: BSD-3-Clause
!
! Matrix products from Fortran: one whose matrices are the upper left corners of larger arrays, and the same with a bias
! and an activation, by a descriptor and by a plan. Fortran stores by columns: the row stride is 1, the column stride
! the leading dimension.
program fortran_gemm
    use gemmule
    implicit none
    integer(c_int64_t), parameter :: one = 1, m = 3, n = 2, k = 4, lda = 5, ldb = 6, ldc = 3
    real(c_double), target :: a(lda, k), b(ldb, n), c(ldc, n), bias(m)
    type(gml_gemm_problem) :: problem
    type(c_ptr) :: plan = c_null_ptr
    integer :: i, j

    do j = 1, int(k)
        a(:, j) = [(i - j, i=1, int(lda))]
    end do
    do j = 1, int(n)
        b(:, j) = [(i + j, i=1, int(ldb))]
    end do

    ! C = 1 * A * B + 0 * C
    call must(gml_gemm_f64(c_null_ptr, m, n, k, 1.0_c_double, a, one, lda, b, one, ldb, 0.0_c_double, c, one, ldc))
    call show("A * B", matmul(a(:m, :k), b(:k, :n)))

    ! C = relu(A * B + bias), the bias being one number for each row
    bias = [30, 20, 10]
    problem%type = GML_F64
    problem%m = m
    problem%n = n
    problem%k = k
    problem%a = c_loc(a)
    problem%rs_a = 1
    problem%cs_a = lda
    problem%b = c_loc(b)
    problem%rs_b = 1
    problem%cs_b = ldb
    problem%c = c_loc(c)
    problem%rs_c = 1
    problem%cs_c = ldc
    problem%bias_m = c_loc(bias)
    problem%activation = GML_ACTIVATION_RELU
    call must(gml_gemm(c_null_ptr, problem))
    call show("relu(A * B + bias)", max(matmul(a(:m, :k), b(:k, :n)) + spread(bias, 2, int(n)), 0.0_c_double))

    ! The same, checked and planned once, for any operands of these shapes
    call must(gml_plan_create_gemm(plan, c_null_ptr, problem))
    c = -1
    call must(gml_plan_run_gemm(plan, c_loc(a), c_loc(b), c_loc(c)))
    call gml_plan_destroy(plan)
    call show("by a plan", max(matmul(a(:m, :k), b(:k, :n)) + spread(bias, 2, int(n)), 0.0_c_double))

    ! Every call returns a status, and a sentence says what was wrong.
    problem%k = -1
    if (gml_gemm(c_null_ptr, problem) == GML_OK) error stop "a negative size was accepted"
    print '(a)', gml_last_error()

contains

    subroutine must(status)
        integer(c_int), intent(in) :: status
        if (status /= GML_OK) then
            print '(a)', gml_last_error()
            error stop 1
        end if
    end subroutine

    subroutine show(what, expected)
        character(*), intent(in) :: what
        real(c_double), intent(in) :: expected(:, :)
        print '(a)', what
        print '(2f6.0)', (c(i, :), i=1, int(m))
        if (maxval(abs(c - expected)) > 0) error stop "and that is wrong"
    end subroutine
end program
